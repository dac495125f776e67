// Requests in the name of who is signed in.

const JSON_TYPE = "application/json";

// GET, or POST where there is something to send; returns {ok, status, told}. Without an answer the status is 0: then,
// as after a 5xx, what was to be done is done or not, and repeating it is safe.
export async function call(path, sent) {
  const post = { method: "POST", headers: { accept: JSON_TYPE, "content-type": JSON_TYPE }, body: JSON.stringify(sent) };
  try {
    const answer = await fetch(path, sent === undefined ? { headers: { accept: JSON_TYPE } } : post);
    if (answer.status === 401) await leaveIfSignedOut();
    return { ok: answer.ok, status: answer.status, told: await answer.json() };
  } catch (error) {
    return { ok: false, status: 0, told: { error: "no_answer", detail: error.message } };
  }
}

// A key that was revoked, or signed out of in another window: the page itself is then answered with the way to sign in.
export async function leaveIfSignedOut() {
  try {
    const answer = await fetch("./", { method: "HEAD", redirect: "manual", headers: { accept: "text/html" } });
    if (answer.type === "opaqueredirect") location.assign("sign-in");
  } catch {
    // Nobody answers: that is shown, and tried again.
  }
}

// Only where keys are asked for is somebody signed in; without keys everybody may do everything.
export function showCaller({ keyName, mayOperate }) {
  const { body } = document;
  body.querySelector("#key-name").textContent = keyName;
  body.querySelector("#caller").hidden = false;
  body.classList.toggle("reads-only", !mayOperate);
}
