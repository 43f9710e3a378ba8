import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts"],
    environment: "happy-dom",
    testTimeout: 20_000,
    restoreMocks: true,
  },
});
