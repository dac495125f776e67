// Processors that are paused, and pausing and resuming one.

import { openDialog } from "./dialogs.js";
import { at, when } from "./elements.js";
import { call } from "./session.js";

const OPEN = "open";  // recorded as the operator where no key is needed

// Paused and failing are independent: one is an operator's decision, the other what is known of the processor.
export function showOperating(card, { name, fee, paused }) {
  card.dataset.name = name;
  card.querySelector(".chip.paused").hidden = !paused;
  const about = card.querySelector(".about-pause"), text = paused ? `${paused.since} ${paused.by} ${paused.reason}` : "";
  if (about.dataset.text !== text) {
    about.dataset.text = text;
    const since = paused?.since ? [" since ", when(paused.since)] : [];
    const by = paused?.by === OPEN ? "" : ` by ${paused?.by}`;
    about.replaceChildren(...(paused ? [`Paused${by}`, ...since, `: ${paused.reason}. No new payments are sent there.`] : []));
  }
  const button = card.querySelector("button");
  button.hidden = fee === null;  // it is no longer configured: nothing new goes there anyway
  const act = paused ? "resume" : "pause";
  if (button.dataset.act === act) return;
  button.dataset.act = act;
  button.textContent = paused ? "Resume" : "Pause";
}

at("processors").addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-act]");
  if (!button) return;
  const { act } = button.dataset, { name } = button.closest("article").dataset;
  openDialog(at(act), { name }, async ({ reason }) => {
    const { ok, body } = await call(`processors/${encodeURIComponent(name)}/${act}`, reason ? { reason } : {});
    return ok ? null : `Unknown whether it was done: ${body.detail}`;
  });
});
