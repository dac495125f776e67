"use strict";

// Shows /openapi.json as a page. The description's text becomes text only, never markup.

const INDENT = 2;
const PROBLEM = "application/problem+json";

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// `code` and **bold** are all the markup that the description uses.
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return element("strong", {}, part.slice(2, -2));
    return part;
  });
}

function paragraphs(text) {
  return text.split("\n\n").map((part) => element("p", {}, ...inline(part)));
}

function json(value) {
  return element("pre", { tabindex: "0" }, element("code", {}, JSON.stringify(value, null, INDENT)));
}

// References are resolved once, so that the drawing code gets only values.
function resolved(value, whole) {
  if (Array.isArray(value)) return value.map((one) => resolved(one, whole));
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$ref === "string") {
    const path = value.$ref.slice(2).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    return resolved(path.reduce((at, step) => at[step], whole), whole);
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner, whole)]));
}

// allOf as one schema: the description uses it to narrow a field, or to add to its description. anyOf: a schema or null.
function merged(schema) {
  if (schema.anyOf) {
    const { anyOf: [some, none], ...own } = schema;
    return merged({ ...some, ...own, type: [some.type, none.type] });
  }
  const parts = (schema.allOf ?? []).map(merged);
  const { allOf, ...own } = schema;
  const all = [...parts, own];
  const properties = {};
  for (const [name, property] of all.flatMap((part) => Object.entries(part.properties ?? {}))) {
    properties[name] = { ...properties[name], ...merged(property) };
  }
  const whole = Object.assign({}, ...all);
  return Object.keys(properties).length ? { ...whole, properties } : whole;
}

function limits(schema) {
  const said = [];
  if (schema.type) said.push([schema.type].flat().join(" or "));
  if (schema.format) said.push(schema.format);
  if (schema.exclusiveMinimum !== undefined) said.push(`above ${schema.exclusiveMinimum}`);
  if (schema.minimum !== undefined) said.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined) said.push(`at most ${schema.maximum.toLocaleString("en")}`);
  if (schema.multipleOf !== undefined) said.push(`a multiple of ${schema.multipleOf}`);
  if (schema.const !== undefined) said.push(`always \`${schema.const}\``);
  if (schema.enum) said.push(`one of ${schema.enum.map((one) => `\`${one}\``).join(", ")}`);
  if (schema.pattern) said.push(`as \`${schema.pattern}\``);
  return said.join("; ");
}

function field(name, schema, notes) {
  return [
    element("dt", {}, element("code", {}, name), notes ? ` ${notes}` : ""),
    element("dd", {}, element("span", { class: "soft" }, ...inline(limits(schema)))),
    ...(schema.description ? [element("dd", {}, ...inline(schema.description))] : []),
    ...(schema.properties ? [element("dd", {}, fields(schema))] : []),
    ...(schema.items ? [element("dd", {}, fields(schema.items))] : []),
  ];
}

function fields(bare) {
  const schema = merged(bare);
  const list = element("dl", {});
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    list.append(...field(name, merged(property), schema.required?.includes(name) ? "" : "(not always there)"));
  }
  if (typeof schema.additionalProperties === "object") {
    list.append(element("dt", {}, "each name"), element("dd", {}, fields(schema.additionalProperties)));
  }
  return list;
}

function content(types) {
  return Object.entries(types ?? {}).flatMap(([type, { schema, example, examples }]) => [
    element("p", { class: "soft" }, type),
    ...(schema ? [fields(schema)] : []),
    ...(example === undefined ? [] : [json(example)]),
    ...Object.values(examples ?? {}).flatMap((one) => [element("p", {}, ...inline(one.summary)), json(one.value)]),
  ]);
}

function parameters(list) {
  if (!list?.length) return [];
  const rows = list.flatMap((one) => {
    const where = `in the ${one.in}${one.required ? "" : ", optional"}`;
    return field(one.name, { ...one.schema, description: one.description ?? one.schema.description }, where);
  });
  return [element("h4", {}, "Parameters"), element("dl", {}, ...rows)];
}

function body(request) {
  if (!request) return [];
  return [element("h4", {}, "Body"), ...paragraphs(request.description ?? ""), ...content(request.content)];
}

function headers(all) {
  const rows = Object.entries(all ?? {}).flatMap(([name, header]) =>
    field(name, { ...header.schema, description: header.description }, header.required ? "" : "(not always there)"),
  );
  return rows.length ? [element("p", { class: "soft" }, "Headers"), element("dl", {}, ...rows)] : [];
}

function kindOf(status) {
  return status < "400" ? "good" : status < "500" ? "wrong" : "fault";
}

function answer([status, said]) {
  const slugs = merged(said.content?.["application/json"]?.schema ?? {}).properties?.error?.enum;
  const label = element("summary", {}, element("span", { class: `status ${kindOf(status)}` }, status), " ");
  label.append(...inline(slugs?.length === 1 ? `\`${slugs[0]}\` ${said.description}` : said.description));
  const { [PROBLEM]: _, ...types } = said.content ?? {};  // the same for all errors: shown once, with their slugs
  return element("details", {}, label, ...headers(said.headers), ...content(types));
}

// An answer that more than half of all calls have in the same form is shown once, for all of them.
function shared(calls) {
  const counts = new Map();
  for (const one of calls.flatMap(({ operation }) => Object.entries(operation.responses))) {
    const text = JSON.stringify(one);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return new Set([...counts].filter(([, count]) => count > calls.length / 2).map(([text]) => text));
}

function answers(responses, common) {
  const [own, others] = [[], []];
  for (const one of Object.entries(responses)) (common.has(JSON.stringify(one)) ? others : own).push(one);
  const links = others.flatMap(([status]) => [
    " ", element("a", { class: `status ${kindOf(status)}`, href: "#any-call" }, status),
  ]);
  return [...own.map(answer), ...(links.length ? [element("p", { class: "soft" }, "As any call:", ...links)] : [])];
}

function anyCall(common) {
  const rows = [...common].map((text) => JSON.parse(text)).sort(([one], [other]) => one - other).map(answer);
  const heading = element("h2", { id: "any-call" }, "Any call");
  return [heading, element("p", {}, "These answers are the same for every call that names them."), ...rows];
}

// The meaning of every slug, each with its own address, which is the type of its problem.
function errors(meanings, problem) {
  const rows = Object.entries(meanings).flatMap(([slug, text]) => [
    element("dt", { id: slug }, element("code", {}, slug)), element("dd", {}, ...inline(text)),
  ]);
  return [
    element("h2", { id: "errors" }, "Errors"),
    element("dl", {}, ...rows),
    element("h3", {}, "As problem details"),
    ...paragraphs(problem.description),
    ...content({ [PROBLEM]: { schema: problem, example: problem.examples[0] } }),
  ];
}

// A call as a line for a shell, with at most two of the optional parameters.
function curl(path, method, { parameters = [], requestBody, security }) {
  const filled = parameters.reduce((whole, one) => whole.replace(`{${one.name}}`, one.example), path);
  const asked = parameters.filter((one) => one.in === "query" && one.example !== undefined).slice(0, 2);
  const query = asked.map((one) => `${one.name}=${encodeURIComponent(one.example)}`).join("&");
  const [[type, { example }] = [null, {}]] = Object.entries(requestBody?.content ?? {});
  return [
    `curl -i ${method === "get" || requestBody ? "" : `-X ${method.toUpperCase()} `}'${location.origin}${filled}${query && `?${query}`}'`,
    ...(security ? ['-H "Authorization: Bearer $KEY"'] : []),
    ...(type ? [`-H 'Content-Type: ${type}'`, `-d '${JSON.stringify(example)}'`] : []),
  ].join(" \\\n     ");
}

function call(path, method, operation, common, hasHead) {
  const id = operation.operationId;
  const name = [element("span", { class: "method" }, method.toUpperCase()), " ", element("code", {}, path)];
  return element(
    "section",
    { class: "call", id, "aria-labelledby": `${id}-name` },
    element("h3", { id: `${id}-name` }, ...name),
    element("p", {}, element("strong", {}, operation.summary)),
    ...paragraphs(operation.description ?? ""),
    ...(hasHead ? [element("p", { class: "soft" }, "HEAD is answered in the same way, without the body.")] : []),
    element("pre", { class: "curl", tabindex: "0" }, element("code", {}, curl(path, method, operation))),
    ...parameters(operation.parameters),
    ...body(operation.requestBody),
    element("h4", {}, "Answers"),
    ...answers(operation.responses, common),
  );
}

function draw(description) {
  const main = document.getElementById("main");
  document.getElementById("title").textContent = `${description.info.title} ${description.info.version}`;
  document.getElementById("summary").textContent = description.info.summary;
  document.getElementById("about").append(...paragraphs(description.info.description));
  const calls = Object.entries(description.paths).flatMap(([path, { head, ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation, hasHead: head !== undefined })),
  );
  const common = shared(calls);
  for (const tag of description.tags) {
    main.append(element("h2", {}, tag.name), ...paragraphs(tag.description));
    for (const { path, method, operation, hasHead } of calls.filter((one) => one.operation.tags.includes(tag.name))) {
      main.append(call(path, method, operation, common, hasHead));
      const link = element("a", { href: `#${operation.operationId}` }, `${method.toUpperCase()} ${path}`);
      document.getElementById("contents").append(element("li", {}, link, ` ${operation.summary}`));
    }
  }
  main.append(...anyCall(common), ...errors(description["x-errors"], description.components.schemas.Problem));
}

async function show() {
  const state = document.getElementById("state");
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`it was answered ${response.status}`);
    const description = await response.json();
    draw(resolved(description, description));
    state.textContent = "";
    // The element of the address's fragment was not there yet when the browser looked for it.
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  } catch (error) {
    state.textContent = `The description could not be read: ${error.message}. Reload the page to try again.`;
  }
}

show();
