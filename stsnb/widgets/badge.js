// The badge. The kernel sends the state of the role; the browser counts down, without messages from the kernel.

const LAST_MINUTES = 5 * 60_000;
const CODE_MINUTES = 10 * 60_000; // with less left, the field for the next MFA code is shown
const SIGNS = { renewing: "↻", last: "⚠", failing: "⚠", ended: "✕", dropped: "○", replaced: "○", overridden: "○", gone: "○" };
const INACTIVE = ["dropped", "replaced", "overridden"];

/** The state to show, from the kernel's state and the time left in milliseconds. */
function stateOf(role, left, live) {
  if (!live) return left > 0 ? "gone" : "ended";
  if (INACTIVE.includes(role.state)) return role.state;
  if (left <= 0 && !role.asking) return "ended";
  if (role.asking) return "renewing";
  if (role.trouble) return "failing";
  return left < LAST_MINUTES ? "last" : "good";
}

function countdown(left) {
  const seconds = Math.max(0, Math.floor(left / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/** A time of day; with its date if that is not today. */
function clock(time) {
  const today = new Date().toDateString() === new Date(time).toDateString();
  const date = today ? {} : { month: "short", day: "numeric" };
  return new Date(time).toLocaleString([], { ...date, hour: "2-digit", minute: "2-digit", hour12: false });
}

function timeOf(state, role, left) {
  if (INACTIVE.includes(state)) return state;
  if (state === "ended") return `ended ${clock(role.expires_at)}`;
  if (state === "gone") return `until ${clock(role.expires_at)}`;
  return countdown(left);
}

function aboutOf(state, role) {
  const parts = {
    renewing: ["renewing now"],
    dropped: ["not active"],
    replaced: ["not active"],
    overridden: ["not active"],
    gone: [],
    ended: [],
  }[state] ?? [role.renewable ? "renews itself" : "does not renew itself"];
  if (role.narrowing) parts.unshift(role.narrowing);
  if (role.state === "not injected") parts.push("own session only");
  return [...parts, role.came].join(" · ");
}

function noteOf(state, role, now) {
  if (state === "gone") return "The kernel was restarted. Run the cell to assume the role again.";
  if (state === "replaced") return role.replaced_by;
  if (state === "overridden") return "Replaced by credentials in the environment. Unset them and run %assume_role again to use this role.";
  if (role.trouble && (state === "failing" || state === "ended")) {
    const wait = Math.ceil((role.trouble.retry_at - now) / 1000);
    const soon = wait < 90 ? `${wait} s` : `${Math.round(wait / 60)} min`;
    const retry = role.renewable && state === "failing" && wait > 0 ? ` Retrying in ${soon}.` : "";
    return `Renewal failed: ${role.trouble.text}${retry}`;
  }
  if (role.refused) return role.refused;
  return state === "ended" && !role.device ? "Run %assume_role again." : "";
}

/** The note below the line: the state's message, and the remarks about a role that is in use. */
function notesOf(state, role, now) {
  const used = ![...INACTIVE, "gone", "ended"].includes(state);
  return [noteOf(state, role, now), ...(used ? role.remarks : [])].filter(Boolean).join(" ");
}

export default () => {
  // How far the kernel's clock is ahead of this browser's, in milliseconds.
  let ahead = 0;
  return {
    initialize({ model }) {
      ahead = model.get("now") - Date.now();
    },

    render({ model, el }) {
      const ending = new AbortController();
      const live = kernelOf(model, el, () => show());
      const now = () => Date.now() + (live() ? ahead : 0);

      const sign = element("span.stsnb-sign", { ariaHidden: "true" });
      const name = element("span.stsnb-name");
      const where = element("span.stsnb-secondary");
      const time = element("time.stsnb-time");
      const about = element("span.stsnb-secondary");
      const note = element("div.stsnb-note", { role: "status" });
      const act = (what) => () => model.send({ do: what });
      const renew = link("Renew", act("renew"));
      const drop = link("Drop", act("drop"));
      const acts = element("span.stsnb-acts", {}, copies("Copy ARN", () => model.get("role").arn), renew, drop);
      // The code stays in the page until it is sent, once, in a message that is not stored.
      const code = element("input", { type: "text", inputMode: "numeric", autocomplete: "one-time-code" });
      const codeLabel = element("label.stsnb-secondary", {}, "Next MFA code ", code);
      const send = link("Renew with code", () => renewWithCode());
      const next = element("div.stsnb-row.stsnb-note", { hidden: true }, codeLabel, send);
      const renewWithCode = () => {
        const typed = code.value.replaceAll(" ", "");
        code.setAttribute("aria-invalid", String(!/^[0-9]{6}$/.test(typed)));
        if (code.getAttribute("aria-invalid") === "true") return code.focus();
        code.value = "";
        model.send({ do: "renew", token_code: typed });
      };
      code.addEventListener("keydown", (event) => event.key === "Enter" && renewWithCode());
      code.addEventListener("input", () => code.removeAttribute("aria-invalid"));
      const badge = element(
        "div.stsnb.stsnb-badge",
        { role: "group" },
        element("div.stsnb-row", {}, sign, name, where, time),
        element("div.stsnb-row", {}, about, acts),
        note,
        next,
      );
      el.append(badge);

      // Each part is written only when it changes: a selection stays, and screen readers don't repeat it.
      const put = (part, text) => part.textContent === text || say(part, text);
      const show = () => {
        const role = model.get("role");
        const left = role.expires_at - now();
        const state = stateOf(role, left, live());
        const signed = SIGNS[state] ?? (role.danger ? SIGNS.last : "");
        badge.dataset.state = state;
        badge.toggleAttribute("data-danger", role.danger);
        put(sign, signed);
        sign.hidden = !signed;
        put(name, role.name);
        name.title = role.arn;
        put(where, role.where.join(" · "));
        put(time, timeOf(state, role, left));
        put(about, aboutOf(state, role));
        const notes = notesOf(state, role, now());
        note.hidden = !notes;
        if (note.dataset.shown !== notes) say(note, (note.dataset.shown = notes));
        const used = live() && !INACTIVE.includes(state);
        next.hidden = !used || !role.device || left >= CODE_MINUTES;
        codeLabel.title = role.device ?? "";
        send.disabled = role.asking;
        renew.hidden = !used || role.device !== null;
        renew.disabled = role.asking;
        drop.hidden = !live() || role.state !== "active";
        badge.setAttribute("aria-label", `AWS role ${role.name}`);
        const until = new Date(role.expires_at);
        time.dateTime = until.toISOString();
        time.title = `${left > 0 ? "until" : "ended"} ${until.toLocaleString([], { dateStyle: "long", timeStyle: "long" })}`;
      };

      show();
      model.on("change:role", show);
      const ticking = setInterval(show, 1000);
      document.addEventListener("visibilitychange", show, { signal: ending.signal });
      return () => {
        ending.abort();
        clearInterval(ticking);
        model.off("change:role", show);
      };
    },
  };
};
