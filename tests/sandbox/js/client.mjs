// The unmodified JavaScript client against a sandbox, one case a run; it ends with 0 when the case holds.
// Usage: node client.mjs CASE, with what it needs in the environment (see test_javascript_client.py).
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";

const { SANDBOX_URL: url, SANDBOX_KEY: key, SANDBOX_SERVICE_KEY: serviceKey, SANDBOX_TOKEN: token } = process.env;
const vsn = process.env.SANDBOX_VSN;
const LIMIT = 15_000;

function client(apiKey = key, options = {}) {
  // Node 20 has no WebSocket of its own: the client's documentation names this package for it.
  const transport = globalThis.WebSocket ?? WebSocket;
  return createClient(url, apiKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport, ...(vsn ? { vsn } : {}) },
    ...options,
  });
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), LIMIT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Events as they come; `next` waits for one. */
function inbox() {
  const held = [];
  const waiting = [];
  return {
    put(event) {
      const taker = waiting.shift();
      if (taker) taker(event);
      else held.push(event);
    },
    next(what) {
      if (held.length) return Promise.resolve(held.shift());
      return within(new Promise((resolve) => waiting.push(resolve)), what);
    },
    get empty() {
      return held.length === 0;
    },
  };
}

function subscribed(channel) {
  return within(
    new Promise((resolve, reject) => {
      channel.subscribe((status, error) => {
        if (status === "SUBSCRIBED") resolve();
        if (status === "CHANNEL_ERROR" || status === "TIMED_OUT") reject(error ?? new Error(status));
      });
    }),
    "SUBSCRIBED",
  );
}

/** Joined, and the changes stream. */
function streaming(channel) {
  const ready = new Promise((resolve, reject) => {
    channel.on("system", {}, (payload) => {
      if (payload.extension !== "postgres_changes") return;
      if (payload.status === "ok") resolve();
      else reject(new Error(payload.message));
    });
  });
  return Promise.all([subscribed(channel), within(ready, "the stream of changes")]);
}

function ok({ data, error, count, status }) {
  assert.equal(error, null);
  return { data, count, status };
}

const cases = {
  async rows() {
    const db = client();
    const made = ok(await db.from("todos").insert({ title: "a" }).select());
    assert.deepEqual([made.status, made.data.length, made.data[0].title], [201, 1, "a"]);
    assert.equal(ok(await db.from("todos").insert([{ title: "b" }, { title: "c", done: true }])).data, null);
    const found = ok(
      await db.from("todos").select("id,name:title", { count: "exact" }).gt("id", 0).order("id", { ascending: false }).limit(2),
    );
    assert.deepEqual(found.data.map((row) => row.name), ["c", "b"]);
    assert.equal(found.count, 3);
    const some = ok(await db.from("todos").select("title").or("title.eq.a,and(done.is.true,title.like.c*)").order("title"));
    assert.deepEqual(some.data, [{ title: "a" }, { title: "c" }]);
    const ranged = ok(await db.from("todos").select("title").order("id").range(1, 1));
    assert.deepEqual(ranged.data, [{ title: "b" }]);
    const changed = ok(await db.from("todos").update({ done: true }).in("title", ["a", "b"]).select("title,done").order("title"));
    assert.deepEqual(changed.data, [{ title: "a", done: true }, { title: "b", done: true }]);
    const id = made.data[0].id;
    const put = ok(await db.from("todos").upsert({ id, title: "A" }).select("id,title").single());
    assert.deepEqual(put, { data: { id, title: "A" }, count: null, status: 200 });
    const kept = ok(await db.from("todos").upsert({ id, title: "no" }, { ignoreDuplicates: true, onConflict: "id" }).select());
    assert.deepEqual(kept.data, []);
    assert.equal(ok(await db.from("todos").select("*", { count: "exact", head: true })).count, 3);
    assert.equal(ok(await db.from("todos").select().eq("id", -1).maybeSingle()).data, null);
    assert.equal(ok(await db.from("todos").select("title").eq("id", id).csv()).data, "title\nA");
    const gone = ok(await db.from("todos").delete({ count: "exact" }).eq("id", id));
    assert.deepEqual([gone.count, gone.status], [1, 204]);
    const none = await db.from("todos").select().single();
    assert.deepEqual([none.error.code, none.status], ["PGRST116", 406]);
    assert.equal((await db.from("nothing").select()).error.code, "PGRST205");
    assert.equal((await db.from("todos").select("id,owner(name)")).error.code, "PGRST200");
    assert.equal((await db.rpc("nothing")).error.code, "PGRST202");
    assert.equal((await db.from("calls").select("caller_number")).error.code, "42501");
  },

  async auth() {
    const db = client();
    const email = `${crypto.randomUUID()}@sandbox.test`;
    const password = "a good password";
    const up = await db.auth.signUp({ email, password, options: { data: { name: "Ana" } } });
    assert.equal(up.error, null);
    assert.equal(up.data.user.user_metadata.name, "Ana");
    assert.equal((await db.auth.signUp({ email, password })).error.code, "user_already_exists");
    assert.equal((await db.auth.signUp({ email: "x@y.test", password: "abc" })).error.name, "AuthWeakPasswordError");
    assert.equal((await db.auth.signInWithPassword({ email, password: "wrong" })).error.code, "invalid_credentials");
    const { data, error } = await db.auth.signInWithPassword({ email, password });
    assert.equal(error, null);
    assert.equal(data.user.email, email);
    assert.equal((await db.auth.getUser()).data.user.id, data.user.id);
    assert.equal((await db.auth.getClaims()).data.claims.session_id.length, 36);
    const fresh = await db.auth.refreshSession();
    assert.notEqual(fresh.data.session.refresh_token, data.session.refresh_token);
    // Signed in, requests come as the user.
    const mine = ok(await db.from("todos").insert({ title: "mine", user_id: data.user.id }).select("user_id").single());
    assert.equal(mine.data.user_id, data.user.id);
    const changed = await db.auth.updateUser({ data: { name: "Bea" }, password: "another password" });
    assert.equal(changed.data.user.user_metadata.name, "Bea");
    assert.equal((await db.auth.signOut()).error, null);
    assert.equal((await db.auth.getSession()).data.session, null);
    assert.equal((await db.auth.refreshSession({ refresh_token: fresh.data.session.refresh_token })).error.code, "refresh_token_not_found");
    const admin = client(serviceKey).auth.admin;
    const listed = await admin.listUsers({ page: 1, perPage: 1000 });
    assert.ok(listed.data.users.some((user) => user.email === email));
    const made = await admin.createUser({ email: `b${email}`, password, email_confirm: true, app_metadata: { role: "buyer" } });
    assert.equal(made.data.user.app_metadata.role, "buyer");
    assert.equal((await admin.getUserById(made.data.user.id)).data.user.email, `b${email}`);
    assert.equal((await admin.updateUserById(made.data.user.id, { user_metadata: { a: 1 } })).data.user.user_metadata.a, 1);
    assert.equal((await admin.deleteUser(made.data.user.id)).error, null);
    assert.equal((await db.auth.admin.listUsers()).error.status, 403);
  },

  async changes() {
    const db = client();
    const heard = inbox();
    const filtered = inbox();
    const channel = db
      .channel("changes")
      .on("postgres_changes", { event: "*", schema: "public", table: "todos" }, heard.put)
      .on("postgres_changes", { event: "INSERT", schema: "public", table: "todos", filter: "title=eq.wanted" }, filtered.put);
    await streaming(channel);
    const { data } = ok(await db.from("todos").insert({ title: "other" }).select().single());
    const inserted = await heard.next("the insert");
    assert.deepEqual([inserted.eventType, inserted.table, inserted.errors], ["INSERT", "todos", null]);
    assert.deepEqual(inserted.new, data);
    assert.deepEqual(inserted.old, {});
    ok(await db.from("todos").update({ done: true }).eq("id", data.id));
    const updated = await heard.next("the update");
    assert.deepEqual([updated.eventType, updated.new, updated.old], ["UPDATE", { ...data, done: true }, { id: data.id }]);
    ok(await db.from("todos").delete().eq("id", data.id));
    const deleted = await heard.next("the delete");
    assert.deepEqual([deleted.eventType, deleted.new, deleted.old], ["DELETE", {}, { id: data.id }]);
    assert.ok(filtered.empty);
    ok(await db.from("todos").insert({ title: "wanted" }));
    assert.equal((await filtered.next("the one that was filtered for")).new.title, "wanted");
    assert.equal(await db.removeChannel(channel), "ok");
  },

  async broadcast() {
    const [one, two] = [client(), client()];
    const [toOne, toTwo] = [inbox(), inbox()];
    const options = { config: { broadcast: { self: true, ack: true } } };
    const first = one.channel("room", options).on("broadcast", { event: "*" }, toOne.put);
    const second = two.channel("room").on("broadcast", { event: "ping" }, toTwo.put);
    await Promise.all([subscribed(first), subscribed(second)]);
    assert.equal(await first.send({ type: "broadcast", event: "ping", payload: { n: 1, text: "ü€" } }), "ok");
    for (const box of [toOne, toTwo]) {
      const message = await box.next("the broadcast");
      assert.deepEqual([message.event, message.payload], ["ping", { n: 1, text: "ü€" }]);
    }
    // Without self its own do not come back.
    assert.equal(await second.send({ type: "broadcast", event: "ping", payload: { n: 2 } }), "ok");
    assert.equal((await toOne.next("the second broadcast")).payload.n, 2);
    assert.ok(toTwo.empty);
    if (vsn !== "1.0.0") {
      const bytes = new Uint8Array([0, 1, 254, 255]);
      assert.equal(await first.send({ type: "broadcast", event: "ping", payload: bytes.buffer }), "ok");
      const binary = await toTwo.next("the binary broadcast");
      assert.deepEqual(new Uint8Array(binary.payload), bytes);
    }
    // From outside of the channel, by HTTP.
    const outside = client().channel("room");
    const sent = await outside.httpSend("ping", { n: 3 });
    assert.equal(sent.success, true);
    assert.deepEqual((await toTwo.next("the broadcast by HTTP")).payload, { n: 3 });
  },

  async presence() {
    const [one, two] = [client(), client()];
    const seen = inbox();
    const first = one.channel("here", { config: { presence: { key: "ana" } } });
    const second = two.channel("here", { config: { presence: { key: "bea" } } });
    for (const event of ["join", "leave"]) {
      first.on("presence", { event }, ({ key: who }) => seen.put([event, who]));
    }
    const synced = inbox();
    first.on("presence", { event: "sync" }, () => synced.put(Object.keys(first.presenceState()).sort()));
    second.on("presence", { event: "sync" }, () => {});
    await subscribed(first);
    assert.equal(await first.track({ doing: "looking" }), "ok");
    assert.deepEqual(await seen.next("ana"), ["join", "ana"]);
    await subscribed(second);
    assert.equal(await second.track({ doing: "typing" }), "ok");
    assert.deepEqual(await seen.next("bea"), ["join", "bea"]);
    const state = first.presenceState();
    assert.deepEqual(Object.keys(state).sort(), ["ana", "bea"]);
    assert.equal(state.bea[0].doing, "typing");
    assert.ok(state.bea[0].presence_ref);
    assert.equal(await second.untrack(), "ok");
    assert.deepEqual(await seen.next("bea's leave"), ["leave", "bea"]);
    assert.deepEqual(Object.keys(first.presenceState()), ["ana"]);
  },

  async private() {
    const stranger = client();
    await assert.rejects(subscribed(stranger.channel("secret-room", { config: { private: true } })));
    const [one, two] = [client(), client()];
    await Promise.all([one.realtime.setAuth(token), two.realtime.setAuth(token)]);
    const heard = inbox();
    const config = { config: { private: true, broadcast: { ack: true } } };
    const first = one.channel("secret-room", config);
    const second = two.channel("secret-room", config).on("broadcast", { event: "word" }, heard.put);
    await Promise.all([subscribed(first), subscribed(second)]);
    assert.equal(await first.send({ type: "broadcast", event: "word", payload: { n: 1 } }), "ok");
    assert.deepEqual((await heard.next("the private broadcast")).payload, { n: 1 });
    // The same name in public is another room.
    const open = client().channel("secret-room", { config: { broadcast: { ack: true } } });
    await subscribed(open);
    await open.send({ type: "broadcast", event: "word", payload: { n: 2 } });
    await first.send({ type: "broadcast", event: "word", payload: { n: 3 } });
    assert.deepEqual((await heard.next("the next private broadcast")).payload, { n: 3 });
  },
};

const name = process.argv[2];
try {
  await cases[name]();
  console.log(`${name}: ok`);
  process.exit(0);
} catch (error) {
  console.error(`${name}: ${error.stack ?? error}`);
  process.exit(1);
}
