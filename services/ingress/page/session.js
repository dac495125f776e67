// Requests with the key of the signed-in person.

const JSON_TYPE = "application/json";
const ANSWER_WITHIN_MS = 25_000;  // the balancer gives up after 20 s; without one, a frozen instance never answers

// GET, or POST if there is something to send; returns {ok, status, body}. Without an answer the status is 0: then, as
// after a 5xx, the request may be done or not, and repeating it is safe.
export async function call(path, sent) {
  const get = { headers: { accept: JSON_TYPE }, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) };
  const post = { ...get, method: "POST", headers: { ...get.headers, "content-type": JSON_TYPE }, body: JSON.stringify(sent) };
  try {
    const answer = await fetch(path, sent === undefined ? get : post);
    if (answer.status === 401) await leaveIfSignedOut();
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  } catch (error) {
    return { ok: false, status: 0, body: { error: "no_answer", detail: error.message } };
  }
}

// After a key was revoked, or signed out of in another window, the page itself is redirected to the sign-in form.
export async function leaveIfSignedOut() {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const answer = await fetch("./", { method: "HEAD", redirect: "manual", headers: { accept: "text/html" }, signal });
    if (answer.type === "opaqueredirect") location.assign("sign-in");
  } catch {
    // No answer: that is shown, and tried again.
  }
}

// A person is signed in only where keys are needed; without keys everybody may do everything.
export function showCaller({ keyName, mayOperate }) {
  const { body } = document;
  body.querySelector("#key-name").textContent = keyName;
  body.querySelector("#caller").hidden = false;
  body.classList.toggle("reads-only", !mayOperate);
}
