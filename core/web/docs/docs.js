// The OpenAPI document as a page to read: each request with its parameters, body and responses.
const METHODS = ["get", "post", "put", "patch", "delete"];
const document_ = await (await fetch("/openapi.json")).json();

function element(tag, text = "", className = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className)
        made.className = className;
    return made;
}

// Follows "$ref": "#/components/...".
function resolve(node) {
    while (node && node.$ref)
        node = node.$ref.slice(2).split("/").reduce((at, name) => at?.[name], document_);
    return node || {};
}

function typeOf(schema) {
    const found = resolve(schema);
    if (found.enum)
        return found.enum.join(" | ");
    return [].concat(found.type || (found.oneOf || found.anyOf || []).map(typeOf)).join(" | ");
}

function table(caption, columns, rows) {
    const frame = element("div", "", "scroll");
    const made = document.createElement("table");
    const head = made.createTHead().insertRow();

    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", caption);
    made.createCaption().textContent = caption;
    for (const name of columns) {
        const cell = element("th", name);
        cell.scope = "col";
        head.append(cell);
    }
    const body = made.createTBody();
    for (const row of rows) {
        const line = body.insertRow();
        row.forEach((text, at) => line.append(element("td", text, at === row.length - 1 ? "wrap" : "")));
    }
    frame.append(made);
    return frame;
}

function fields(schema) {
    const found = resolve(schema);
    const required = new Set(found.required || []);
    return Object.entries(found.properties || {}).map(([name, field]) =>
        [name, typeOf(field), required.has(name) ? "yes" : "no", resolve(field).description || ""]);
}

function describe(path, method, operation, shared) {
    const section = document.createElement("section");
    const id = `${method}-${path.replace(/[^a-z0-9]+/gi, "-")}`;
    const parameters = [...shared, ...(operation.parameters || [])].map(resolve);
    const content = Object.values(resolve(operation.requestBody).content || {})[0];
    const responses = Object.entries(operation.responses || {}).map(([status, response]) =>
        [status, resolve(response).description || ""]);

    section.id = id;
    section.append(element("h2", `${method.toUpperCase()} ${path}`));
    section.append(element("p", operation.description || operation.summary || ""));
    if (parameters.length)
        section.append(table("Parameters", ["name", "in", "type", "description"], parameters.map(one =>
            [one.name, one.in, typeOf(one.schema), one.description || ""])));
    if (content && fields(content.schema).length)
        section.append(table("Body", ["field", "type", "required", "description"], fields(content.schema)));
    section.append(table("Responses", ["status", "description"], responses));
    for (const sample of operation["x-codeSamples"] || []) {
        section.append(element("h3", sample.lang));
        section.append(element("pre", sample.source));
    }
    return { section, id, title: `${method.toUpperCase()} ${path}` };
}

const requests = document.getElementById("requests");
const contents = document.createElement("ul");
requests.replaceChildren();
document.getElementById("title").textContent = `${document_.info.title} ${document_.info.version}`;
document.getElementById("about").textContent = document_.info.description || "";
for (const [path, item] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter(name => item[name])) {
        const { section, id, title } = describe(path, method, item[method], item.parameters || []);
        const link = element("a", title);
        const line = document.createElement("li");
        link.href = `#${id}`;
        line.append(link);
        contents.append(line);
        requests.append(section);
    }
}
document.getElementById("contents").append(contents);
