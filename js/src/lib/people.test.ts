import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  comings,
  faces,
  headcount,
  initials,
  type Person,
  readPeople,
  readPerson,
  SHADES,
  shadesOf,
  spokenPeople,
  stayed,
} from "./people";
import type { Row } from "./rows";

const NOW = 1_800_000_000_000;
const row = (name: string, parts: Row = {}): Row => ({
  name,
  doing: "",
  since: NOW - 60_000,
  is_me: false,
  count: 1,
  shade: 5,
  ...parts,
});
const person = (id: string, parts: Partial<Person> = {}): Person => ({
  ...readPerson(id, row(id)),
  ...parts,
});

describe("people", () => {
  it("are read with oneself first and then by how long they are here", () => {
    const rows = new Map([
      ["b", row("Bob", { since: NOW - 1_000 })],
      ["x", row("Unknown", { since: null })],
      ["c", row("Cleo", { since: NOW - 9_000 })],
      ["a", row("Ana", { is_me: true, since: NOW })],
    ]);
    expect(readPeople(rows).map(({ name }) => name)).toEqual(["Ana", "Cleo", "Bob", "Unknown"]);
  });

  it("that say nothing or nonsense of themselves are somebody", () => {
    expect(readPerson("x", { name: null, since: "soon", count: -3, shade: Number.NaN })).toEqual({
      id: "x",
      name: "Somebody",
      doing: "",
      since: null,
      isMe: false,
      count: 1,
      shade: 0,
    });
    expect(readPerson("x", row("y".repeat(10_000))).name).toHaveLength(80);
  });

  it("have initials as people count letters", () => {
    expect(initials("Ana Ruiz")).toBe("AR");
    expect(initials("ana maria de ruiz")).toBe("AR");
    expect(initials("Guest 4f2a")).toBe("G4");
    expect(initials("a•••@example.org")).toBe("A");
    expect(initials("👩‍👩‍👧‍👦 family")).toBe("👩‍👩‍👧‍👦F");
    expect(initials("שלום עולם")).toBe("שע");
    expect(initials("<b>x</b>")).toBe("B");
    expect(initials("•••")).toBe("?");
    expect(initials("")).toBe("?");
  });

  it("have initials whatever they are called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        expect(initials(name).length).toBeGreaterThan(0);
      }),
    );
  });
});

describe("colours", () => {
  it("are those of the hash, and different while there are enough", () => {
    const people = [person("a"), person("b"), person("c", { shade: 30 })];
    expect([...shadesOf(people, new Map()).values()]).toEqual([5, 6, 7]);
  });

  it("stay with who has one, whoever comes and goes; nobody has another's while one is free", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.uniqueArray(fc.tuple(fc.constantFrom(..."abcdefghijklmnop"), fc.nat(99)), {
            selector: ([id]) => id,
          }),
        ),
        (rooms) => {
          let shades = new Map<string, number>();
          for (const room of rooms) {
            const people = room.map(([id, shade]) => person(id, { shade }));
            const next = shadesOf(people, shades);
            expect(next.size).toBe(people.length);
            for (const [id, shade] of next) {
              expect(shade).toBeGreaterThanOrEqual(0);
              expect(shade).toBeLessThan(SHADES);
              if (shades.has(id)) expect(shade).toBe(shades.get(id));
            }
            const fresh = people.filter(({ id }) => !shades.has(id));
            if (people.length <= SHADES && fresh.length === people.length) {
              expect(new Set(next.values()).size).toBe(people.length);
            }
            shades = next;
          }
        },
      ),
    );
  });
});

describe("words", () => {
  const people = ["a", "b", "c", "d", "e", "f", "g"].map((id) => person(id));

  it("count the faces that are not shown", () => {
    expect(faces(people, 7, 5).map((part) => (Array.isArray(part) ? part.length : part))).toEqual([5, 2]);
    expect(faces(people.slice(0, 6), 6, 5)[1]).toBe(0);
    expect(faces(people.slice(0, 6), 6, 5)[0]).toHaveLength(6);
    expect(faces(people, 900, 7)[1]).toBe(893);
    expect(faces([], 0, 5)).toEqual([[], 0]);
  });

  it("say who is here", () => {
    expect(headcount([], 0)).toBe("Nobody here");
    expect(headcount([person("a", { isMe: true })], 1)).toBe("Only you");
    expect(headcount([person("a")], 1)).toBe("1 here");
    expect(spokenPeople([person("a", { isMe: true }), ...people.slice(1)], 7)).toBe(
      "7 here: a (you), b, c, d, e and 2 more",
    );
  });

  it("say for how long", () => {
    expect(stayed(person("a"), NOW)).toBe("here for 60 s");
    expect(stayed(person("a", { since: NOW + 9e9 }), NOW)).toBe("just came");
    expect(stayed(person("a", { since: -1e15 }), NOW)).toBe("");
    expect(stayed(person("a", { since: null }), NOW)).toBe("");
  });

  it("say who came and who went, but not oneself", () => {
    const me = person("me", { isMe: true });
    expect(comings([], [me])).toBe("");
    expect(comings([me], [me, person("Bob")])).toBe("Bob is here.");
    expect(comings([person("Bob"), person("Cleo")], people)).toBe(
      "a, b, c and 4 more are here. Bob, Cleo have left.",
    );
  });
});
