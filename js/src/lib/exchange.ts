/**
 * The hub of one page: feeds and views on one side, one line to the kernel on the other. `link.ts` decides,
 * this carries it out: decodes, fills the feeds, tells the views, says hello, acks, and minds the commands.
 */
import { KernelClock } from "./clock";
import { Commands } from "./commands";
import { Feed, type FeedUpdate } from "./feed";
import type { Host } from "./host";
import { Link, type Order } from "./link";
import { type Json, PROTOCOL, parse, type ToKernel } from "./protocol";
import {
  ANSWER_MS,
  BEAT_MS,
  type Inquiry,
  judge,
  LATE_MS,
  type Pulse,
  type PulseFacts,
  type ServerWord,
  SILENT_MS,
  silence,
} from "./pulse";
import { type Columns, decode } from "./rows";

export interface LinkStatus extends Pulse {
  /** Kernel time minus page time in ms. */
  skew: number;
  /** How much longer than on a quick link silence has to last, in ms: messages have come late. */
  slack: number;
  busyMs: number;
  /** Ages in ms of each feed's upstream, as of the last beat. */
  ages: Record<string, number | null>;
}

export interface ViewRequest {
  feed: string;
  /** Distinguishes two views of one feed. */
  view: string;
  onFrame: (update: FeedUpdate) => void;
  onLink?: (status: LinkStatus) => void;
  signal: AbortSignal;
  /** Whether the view can be seen now; default true. */
  visible?: boolean;
}

export interface ViewHandle {
  /** Nobody can see the view: nothing is sent for it. */
  show(visible: boolean): void;
  /** How long a paint took. */
  painted(milliseconds: number): void;
}

/** What `hub.exports` is. Components of other bundles use it; they bring no state of their own. */
export interface HubExports {
  protocol: number;
  client: string;
  open(request: ViewRequest): ViewHandle;
  command(feed: string, name: string, args?: Json): Promise<Json>;
  status(): LinkStatus;
}

/** What the exchange needs of the page; a test brings its own. */
export interface Surroundings {
  send(content: ToKernel): void;
  now(): number;
  /** Call at the next frame, or soon where there are no frames. */
  soon(call: () => void): void;
  later(call: () => void, milliseconds: number): () => void;
  page(): { search: string; tz: string; theme: "light" | "dark"; visible: boolean };
  host: Host;
}

/** How often `check` is to be called. */
export const CHECK_MS = 100;
/** A check that comes so much later than it should: the page stood still. */
const STALL_MS = 250;
/** A link on which messages come late is taken for a slow one, half as much after this. */
const SLACK_HALF_LIFE_MS = 15_000;
/** Clocks are compared as well as messages are quick. */
const OLD_MS = 500;
/** A longer gap is a cut. */
const MOST_SLACK_MS = 10_000;
/** Pauses between two inquiries of the server in one silence. */
const INQUIRY_PAUSE_MS = 2_000;
const LATER_INQUIRY_PAUSE_MS = 5_000;
/** A host that has been without a connection for this long is told to try now, once the server answers. */
const CUT_MS = 3_000;

/** A gap asks at once, but not again before this: a kernel that answers with gaps must not be flooded. */
const GAP_PAUSE_MS = 1_000;
/** While nothing comes, or what was asked for does not: hello again after these. */
const RETRIES_MS = [5_000, 10_000, 20_000, 30_000];
const LAST_RETRY_MS = 30_000;

interface View {
  request: ViewRequest;
  visible: boolean;
}

export class Exchange {
  readonly #link: Link;
  readonly #clock = new KernelClock();
  readonly #feeds = new Map<string, Feed>();
  readonly #views = new Map<string, Set<View>>();
  readonly #commands: Commands;
  #facts: Omit<PulseFacts, "server" | "kernel"> = {
    heardAt: null,
    askedAt: null,
    stalled: 0,
    slack: 0,
    busyMs: 0,
    inquiry: "unasked",
    closed: false,
  };
  #checkedAt: number | null = null;
  /** When the host last said something of the kernel's work: it came the same way as a message. */
  #statusAt = 0;
  #inquireAt = Number.NEGATIVE_INFINITY;
  #inquiries = 0;
  #server: ServerWord = "unknown";
  #cutAt: number | null = null;
  #ages: Record<string, number | null> = {};
  #deadAt: number | null = null;
  #helloAt = Number.NEGATIVE_INFINITY;
  #helloDue = false;
  #tries = 0;
  #said = false;
  #paints: number[] = [];
  #status = "";

  constructor(
    readonly client: string,
    readonly around: Surroundings,
  ) {
    this.#link = new Link(client);
    this.#commands = new Commands(
      client,
      (message) => this.#send(message),
      (call, milliseconds) => around.later(call, milliseconds),
    );
  }

  get exports(): HubExports {
    return {
      protocol: PROTOCOL,
      client: this.client,
      open: (request) => this.open(request),
      command: (feed, name, args = null) => this.command(feed, name, args),
      status: () => this.status(),
    };
  }

  open(request: ViewRequest): ViewHandle {
    const view: View = { request, visible: false };
    const views = this.#views.get(request.feed) ?? new Set();
    this.#views.set(request.feed, views.add(view));
    const show = (visible: boolean): void => {
      if (view.visible === visible || request.signal.aborted) return;
      view.visible = visible;
      this.#survey(request.feed);
    };
    const close = (): void => {
      views.delete(view);
      this.#survey(request.feed);
      if (views.size === 0 && this.#views.get(request.feed) === views) {
        this.#views.delete(request.feed);
        this.#feeds.delete(request.feed);
      }
      if (this.#views.size === 0) this.#leave();
    };
    if (request.signal.aborted) close();
    else request.signal.addEventListener("abort", close, { once: true });
    const feed = this.#feeds.get(request.feed);
    if (feed?.meta || feed?.vouched) this.#tell(view, feed.whole());
    request.onLink?.(this.status());
    if (request.visible !== false) show(true);
    return { show, painted: (milliseconds) => this.#painted(milliseconds) };
  }

  command(feed: string, name: string, args: Json): Promise<Json> {
    return this.#commands.run(feed, name, args, () => this.status().state === "busy");
  }

  receive(content: unknown, buffers: readonly DataView[] = []): void {
    const message = parse(content);
    if (!message) return;
    if (message.t === "ans") {
      this.#commands.answer(message);
      return;
    }
    const now = this.around.now();
    if (this.#link.epoch !== null && this.#link.epoch !== message.epoch) this.#clock.forget();
    this.#clock.heard(message.at, now);
    if (!this.#isOld(message.at, now)) {
      this.#learnSlack(message.at, now);
      this.#facts.heardAt = now;
      this.#calm();
    }
    for (const order of this.#link.receive(message)) this.#carryOut(order, buffers);
    if (!this.#link.waiting()) this.#tries = 0;
    this.#flush();
    this.#tellStatus();
  }

  /** The page was asleep or cut off: nothing that is known can be trusted. */
  woke(): void {
    this.#facts.askedAt = this.around.now();
    this.#calm();
    this.#tries = 0;
    this.hello();
    this.#tellStatus();
  }

  /** The page was hidden or shown: its state changed, and after a long silence its trust too. */
  returned(): void {
    const { visible } = this.around.page();
    const { state, heardAt } = this.status();
    const trusted = (state === "live" || state === "busy") && this.around.now() - (heardAt ?? 0) <= SILENT_MS;
    if (visible && this.#said && !trusted) this.woke();
    else if (this.#said) this.helloSoon();
  }

  /** The host says something of its connection or of the kernel. */
  hostSays({ server, kernel }: ReturnType<Host["words"]>): void {
    const now = this.around.now();
    if (kernel === "idle" || kernel === "busy") this.#statusAt = now;
    // A kernel that restarts is soon well again, but it is another one: this line stays dead until it speaks.
    if (kernel === "dead") this.#deadAt = now;
    const back = server === "connected" && this.#cutAt !== null;
    if (server === "connected" || server === "unknown") this.#cutAt = null;
    else this.#cutAt ??= now;
    this.#server = server;
    // What was sent meanwhile may be lost.
    if (back && this.#said) this.woke();
    this.#tellStatus();
  }

  /** To be called every `CHECK_MS`: silence makes no event of its own. */
  check(): void {
    const now = this.around.now();
    const late = now - (this.#checkedAt ?? now) - CHECK_MS;
    if (late > STALL_MS) this.#facts.stalled += late;
    this.#checkedAt = now;
    const words = this.around.host.words();
    if (words.server !== this.#server || words.kernel === "dead") this.hostSays(words);
    this.#tellStatus();
    if (!this.#said) return;
    this.#inquire(now);
    const { state } = this.status();
    const quiet = state === "none" || state === "gone" || state === "server-gone" || state === "waiting";
    const pause = RETRIES_MS[this.#tries] ?? LAST_RETRY_MS;
    if ((quiet || this.#link.waiting()) && now - this.#helloAt >= pause && this.around.page().visible) {
      this.#tries += 1;
      this.hello();
    }
  }

  /** The whole of what this page shows now. Saying it twice does no harm. */
  hello(): void {
    const now = this.around.now();
    this.#helloDue = false;
    this.#helloAt = now;
    if (!this.#said) this.#facts.askedAt = now;
    this.#said = true;
    this.#send({
      t: "hello",
      v: PROTOCOL,
      client: this.client,
      epoch: this.#link.epoch,
      feeds: this.#link.wanted(),
      now,
      ...this.around.page(),
    });
  }

  /** Hello at the next frame: many views may come and go in one. */
  helloSoon(): void {
    if (this.#helloDue || this.#views.size === 0) return;
    this.#helloDue = true;
    this.around.soon(() => {
      if (this.#helloDue) this.hello();
    });
  }

  bye(): void {
    if (this.#said) this.#send({ t: "bye", client: this.client });
    this.#said = false;
  }

  /** The kernel closed the hub. */
  close(): void {
    this.#facts.closed = true;
    this.#commands.close();
    this.#tellStatus();
  }

  status(): LinkStatus {
    const { server, kernel } = this.around.host.words();
    const dead = this.#deadAt !== null && (this.#facts.heardAt ?? 0) <= this.#deadAt;
    const pulse = judge({ ...this.#facts, server, kernel: dead ? "dead" : kernel }, this.around.now());
    const { slack, busyMs } = this.#facts;
    return { ...pulse, skew: this.#clock.skew, slack, busyMs, ages: this.#ages };
  }

  /** After a wake-up what lay in a queue comes first: it was written before the question, and is no answer to it. */
  #isOld(at: number, now: number): boolean {
    const { askedAt, heardAt } = this.#facts;
    if (askedAt === null || heardAt === null || heardAt >= askedAt || now - askedAt > ANSWER_MS) return false;
    return at - this.#clock.skew < askedAt - OLD_MS;
  }

  /**
   * Messages that come late without a cut: the link is slow, and will be for a while. One that was written just now
   * is not late: then it was the kernel that stood still, and its end must not take longer to be seen.
   */
  #learnSlack(at: number, now: number): void {
    const facts = this.#facts;
    const onTheWay = now - (at - this.#clock.skew);
    const gap = Math.min(silence(facts, now), BEAT_MS + onTheWay);
    facts.slack *= 0.5 ** (Math.max(0, now - (facts.heardAt ?? now)) / SLACK_HALF_LIFE_MS);
    const asked = (facts.askedAt ?? 0) > (facts.heardAt ?? 0);
    if (gap <= LATE_MS || gap > MOST_SLACK_MS || asked || this.#cutAt !== null) return;
    if (this.around.page().visible) facts.slack = Math.max(facts.slack, 1.5 * gap - LATE_MS);
  }

  /** The silence is over, or begins anew. */
  #calm(): void {
    this.#facts.stalled = 0;
    this.#facts.inquiry = "unasked";
    this.#inquiries = 0;
    this.#inquireAt = Number.NEGATIVE_INFINITY;
  }

  /** The kernel is silent: is it the kernel, or the way to it? */
  #inquire(now: number): void {
    const facts = this.#facts;
    if (facts.closed || now < this.#inquireAt || silence(facts, now) <= LATE_MS) return;
    if (!this.around.page().visible) return;
    this.#inquireAt = now + (this.#inquiries++ === 0 ? INQUIRY_PAUSE_MS : LATER_INQUIRY_PAUSE_MS);
    // Where it never was heard nothing tells whether its words are for this page.
    const heard = Math.max(facts.heardAt ?? Number.POSITIVE_INFINITY, this.#statusAt) + this.#clock.skew;
    const asked = this.around.host.inquire(heard);
    if (asked === null) return;
    if (facts.inquiry === "unasked") facts.inquiry = "asking";
    const silentSince = facts.heardAt;
    void asked.then((answer: Inquiry) => {
      if (facts.heardAt !== silentSince || facts.closed) return;
      facts.inquiry = answer;
      const cutFor = this.#cutAt === null ? 0 : this.around.now() - this.#cutAt;
      if (answer !== "unreached" && answer !== "dead" && cutFor >= CUT_MS) this.around.host.reconnect();
      this.#tellStatus();
    });
  }

  /** A view of this feed came into sight or left it. */
  #survey(name: string): void {
    const wanted = [...(this.#views.get(name) ?? [])].some((view) => view.visible);
    const wants = this.#link.wanted().some(({ feed }) => feed === name);
    if (wanted === wants) return;
    if (wanted) {
      if (!this.#feeds.has(name)) this.#feeds.set(name, new Feed());
      this.#link.want(name);
    } else {
      this.#link.drop(name);
      this.#feeds.get(name)?.void();
    }
    this.helloSoon();
    this.#flush();
  }

  /** No view is left on the page at all: the kernel may forget it. */
  #leave(): void {
    this.around.later(() => {
      if (this.#views.size === 0) this.bye();
    }, 1_000);
  }

  #carryOut(order: Order, buffers: readonly DataView[]): void {
    switch (order.do) {
      case "restart":
        for (const feed of this.#feeds.values()) feed.void();
        return;
      case "hello":
        this.#gap();
        return;
      case "ack":
        this.#send({
          t: "ack",
          client: this.client,
          epoch: this.#link.epoch ?? "",
          n: order.n,
          paint_ms: Math.round(Math.max(0, ...this.#paints) * 10) / 10,
        });
        return;
      case "beat":
        this.#facts.busyMs = order.beat.busy_ms;
        this.#ages = order.beat.ages ?? {};
        return;
      case "ack-beat":
        // A page without views is on its way out and gives no sign of life.
        if (this.#views.size > 0) {
          this.#send({ t: "ack", client: this.client, epoch: this.#link.epoch ?? "", beat: order.beat });
        }
        return;
    }
    const feed = this.#feeds.get(order.feed);
    if (!feed) return;
    try {
      switch (order.do) {
        case "begin":
          feed.begin(columns(order.buf, buffers));
          break;
        case "extend":
          feed.extend(columns(order.buf, buffers));
          break;
        case "patch":
          feed.patch(columns(order.buf, buffers));
          break;
        case "swap":
          feed.swap();
          break;
        case "meta":
          feed.note(order.meta);
          break;
        case "void":
          feed.void();
          break;
      }
    } catch (error) {
      console.error("[livewidgets] a message could not be read; asking for it again", error);
      this.#link.spoil(order.feed);
      feed.void();
      this.#gap();
    }
  }

  #gap(): void {
    const wait = this.#helloAt + GAP_PAUSE_MS - this.around.now();
    if (wait <= 0) this.helloSoon();
    else if (!this.#helloDue) {
      this.#helloDue = true;
      this.around.later(() => {
        if (this.#helloDue) this.hello();
      }, wait);
    }
  }

  #flush(): void {
    for (const [name, feed] of this.#feeds) {
      const update = feed.flush();
      if (update) for (const view of this.#views.get(name) ?? []) this.#tell(view, update);
    }
  }

  /** One view's fault must not keep a message from the others, nor its ack from the kernel. */
  #tell(view: View, update: FeedUpdate): void {
    try {
      view.request.onFrame(update);
    } catch (error) {
      console.error("[livewidgets] a view failed", error);
    }
  }

  #tellStatus(): void {
    const status = this.status();
    const word = `${status.state} ${Math.floor((status.heardAt ?? 0) / 1000)} ${Math.round(status.skew / 100)} ${status.busyMs}`;
    if (word === this.#status) return;
    this.#status = word;
    for (const views of this.#views.values()) {
      for (const view of views) {
        try {
          view.request.onLink?.(status);
        } catch (error) {
          console.error("[livewidgets] a view failed", error);
        }
      }
    }
  }

  #painted(milliseconds: number): void {
    this.#paints.push(milliseconds);
    if (this.#paints.length > 20) this.#paints.shift();
  }

  #send(content: ToKernel): void {
    try {
      this.around.send(content);
    } catch (error) {
      // A dead kernel's comm refuses. The silence that follows says it to the user.
      console.debug("[livewidgets] could not send", error);
    }
  }
}

function columns(index: number | null, buffers: readonly DataView[]): Columns | null {
  if (index === null) return null;
  const buffer = buffers[index];
  if (!buffer) throw new Error(`The message has no buffer ${index}`);
  return decode(buffer);
}
