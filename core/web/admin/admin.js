// The control room: sales, outcomes, alerts and actions of one server. The admin token stays in this module's
// memory. Texts from outside reach the page as text nodes only. Every action is one idempotent request, shown
// as a curl line before it is sent.

const POLL_MS = 1000;
const KEPT = 120;            // points of a curve: two minutes
const ROWS_MAX = 100;        // sales shown; the filter finds the others
const OUTCOMES = ["sold", "sold_out", "user_limit", "busy", "unavailable", "undetermined"];
const COLOURS = ["#0a8f5b", "#8a94a0", "#b07a00", "#d9822b", "#b3261e", "#7c3aed"];
const RUNBOOKS = {
    frozen: "docs/operations.md: A sale is frozen", lost: "docs/operations.md: A sale is frozen",
    foreign: "docs/redis.md: Whose data it is",
};

const $ = id => document.getElementById(id);
const state = {
    token: null, timer: null, sales: new Map(), curves: new Map(), audits: new Map(), chosen: null,
    metrics: null, outcomes: [], charts: {},
};

function element(tag, text = "", className = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className)
        made.className = className;
    return made;
}

async function request(method, path, { body, key } = {}) {
    const headers = { Authorization: `Bearer ${state.token}` };
    if (body)
        headers["Content-Type"] = "application/json";
    if (key)
        headers["Idempotency-Key"] = key;
    const response = await fetch(path, {
        method, headers, cache: "no-store", signal: AbortSignal.timeout(10000),
        body: body ? JSON.stringify(body) : undefined,
    });
    const text = await response.text();
    const isJson = (response.headers.get("Content-Type") || "").includes("json");
    const document_ = isJson ? JSON.parse(text) : text;
    if (!response.ok)
        throw Object.assign(new Error(document_.detail || `HTTP ${response.status}`),
            { status: response.status, code: document_.code });
    return document_;
}

function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
}

function curlLine(method, path, body, key) {
    const parts = [`curl -X ${method} ${location.origin}${path}`, `-H "Authorization: Bearer $(cat admin.token)"`];
    if (key)
        parts.push(`-H 'Idempotency-Key: ${key}'`);
    if (body)
        parts.push(`-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`);
    return parts.join(" \\\n  ");
}

// Sums of a metric by the value of one label, from the Prometheus text.
function sums(text, name, label) {
    const found = new Map();
    for (const line of text.split("\n")) {
        if (!line.startsWith(name) || (line[name.length] !== "{" && line[name.length] !== " "))
            continue;
        const value = Number(line.slice(line.lastIndexOf(" ") + 1));
        const key = (label && line.match(new RegExp(`${label}="([^"]*)"`)) || ["", ""])[1];
        found.set(key, (found.get(key) || 0) + value);
    }
    return found;
}

const outcomesOf = text => sums(text, "purchase_outcomes_total", "outcome");
const number = value => value === null || value === undefined ? "unknown" : Number(value).toLocaleString();

function showFigures(text, seconds) {
    const before = state.metrics;
    const now = { outcomes: outcomesOf(text), cpu: sums(text, "process_cpu_seconds_total").get("") || 0 };
    const rates = new Map();
    for (const [outcome, count] of now.outcomes)
        rates.set(outcome, before ? Math.max(0, count - (before.outcomes.get(outcome) || 0)) / seconds : 0);
    state.metrics = now;
    state.outcomes.push(rates);
    state.outcomes.splice(0, state.outcomes.length - KEPT);
    const total = [...rates.values()].reduce((a, b) => a + b, 0);
    const figures = {
        "Purchases/s": Math.round(total).toLocaleString(),
        "Sold/s": Math.round(rates.get("sold") || 0).toLocaleString(),
        "CPU": before ? `${Math.round(100 * (now.cpu - before.cpu) / seconds)} %` : "...",
        "Memory": `${Math.round((sums(text, "process_resident_memory_bytes").get("") || 0) / 1048576)} MiB`,
        "Connections": number(sums(text, "flashsale_connections").get("") || 0),
        "Frozen sales": number(sums(text, "flashsale_sales_frozen").get("") || 0),
    };
    $("figures").replaceChildren(...Object.entries(figures).map(([name, value]) => {
        const one = document.createElement("div");
        one.append(element("dt", name), element("dd", value));
        return one;
    }));
}

function soldPercent(sale) {
    const all = (sale.initial || 0) + (sale.restocked || 0);
    return all > 0 ? 100 * sale.sold / all : 0;
}

// Units sold per second over the last ten points.
function ratePerS(product) {
    const points = state.curves.get(product) || [];
    const from = points[Math.max(0, points.length - 10)], to = points.at(-1);
    return from && to && to.at > from.at ? Math.max(0, (to.sold - from.sold) * 1000 / (to.at - from.at)) : 0;
}

function duration(seconds) {
    if (!Number.isFinite(seconds))
        return "";
    return seconds < 60 ? `${Math.ceil(seconds)} s` : seconds < 3600 ? `${Math.ceil(seconds / 60)} min`
        : `${Math.ceil(seconds / 3600)} h`;
}

function stateText(sale) {
    const now = Date.now();
    if (sale.state === "not_open" && sale.opens_at)
        return `opens in ${duration(Math.max(0, Date.parse(sale.opens_at) - now) / 1000)}`;
    return sale.state.replace("_", " ");
}

function actionButton(product, name, title, act) {
    const button = element("button", name, "plain");
    button.setAttribute("aria-label", `${title} ${product}`);
    button.addEventListener("click", act);
    return button;
}

const path = product => `/admin/products/${encodeURIComponent(product)}`;

function actionsOf(sale) {
    const product = String(sale.product_id);
    const cell = element("td");
    const patch = body => () => confirmAction(`${product}: ${Object.entries(body).map(e => e.join(" ")).join(", ")}`,
        "PATCH", path(product), [], () => body);
    if (sale.state === "open" || sale.state === "not_open") {
        cell.append(actionButton(product, "Pause", "Pause", patch({ state: "paused" })),
            actionButton(product, "Close", "Close", patch({ state: "closed" })));
    } else if (sale.state === "paused" || sale.state === "closed") {
        cell.append(actionButton(product, "Open", "Open", patch({ state: "open" })));
    }
    cell.append(actionButton(product, "Restock", "Restock", () => confirmAction(`Restock ${product}`, "PATCH", path(product),
        [{ name: "add", label: "Units to add", type: "number", min: 1, value: 10 }], values => ({ add: Number(values.add) }))));
    cell.append(actionButton(product, "Audit", "Audit", () => audit(product)));
    cell.append(actionButton(product, "Reset", "Reset", () => confirmAction(`Reset ${product}: a new epoch`, "PUT", path(product),
        [{ name: "stock", label: "Units of the new epoch", type: "number", min: 0, value: sale.initial ?? 0 },
            { name: "typed", label: `Type ${product} to confirm`, type: "text", mustBe: product }],
        values => ({ stock: Number(values.stock), reset: true }))));
    return cell;
}

function soundCell(product) {
    const cell = element("td");
    const result = state.audits.get(product);
    cell.append(element("span", "", `lamp ${result ? (result.sound ? "good" : "bad") : ""}`),
        document.createTextNode(result ? (result.sound ? "sound" : "not sound") : "not audited"));
    if (result)
        cell.title = Object.entries(result.terms).map(([name, value]) => `${name} ${value}`).join("\n");
    return cell;
}

function rowOf(sale) {
    const product = String(sale.product_id);
    const row = document.createElement("tr");
    const rate = ratePerS(product);
    const choose = element("button", product, "plain");

    row.dataset.product = product;
    row.dataset.state = sale.state;
    choose.setAttribute("aria-label", `Show the stock of ${product}`);
    choose.addEventListener("click", () => {
        state.chosen = product;
        drawCurve();
    });
    const name = element("th");
    name.scope = "row";
    name.append(choose);
    const stateCell = element("td", stateText(sale), "state");
    row.append(name, stateCell, element("td", number(sale.stock), "number"), element("td", number(sale.sold), "number"),
        element("td", number(sale.initial === null ? null : sale.initial + (sale.restocked || 0)), "number"),
        element("td", soldPercent(sale).toFixed(0), "number"), element("td", rate.toFixed(rate < 10 ? 1 : 0), "number"),
        element("td", rate > 0 && sale.stock > 0 ? duration(sale.stock / rate) : ""), soundCell(product), actionsOf(sale));
    return row;
}

function showSales() {
    const wanted = $("filter").value.trim().toLowerCase();
    const found = [...state.sales.values()].filter(sale => String(sale.product_id).toLowerCase().includes(wanted))
        .sort((a, b) => String(a.product_id).localeCompare(String(b.product_id), "en", { numeric: true }));
    const shown = found.slice(0, ROWS_MAX);
    const rows = shown.map(rowOf);
    const old = document.activeElement.closest("#sales tbody tr");
    const label = document.activeElement.getAttribute("aria-label");
    $("sales").tBodies[0].replaceChildren(...rows);
    if (old) // the focus stays at the same button, or at its row where the button is gone
        (rows.flatMap(row => [...row.querySelectorAll("button")]).find(button => button.getAttribute("aria-label") === label) ||
            rows.find(row => row.dataset.product === old.dataset.product)?.querySelector("button"))?.focus({ preventScroll: true });
    $("more-sales").hidden = found.length <= ROWS_MAX;
    $("more-sales").textContent = `${(found.length - ROWS_MAX).toLocaleString()} more: search for them by their name.`;
}

function showAlerts(problems) {
    const lines = [...problems];
    for (const sale of state.sales.values())
        if (RUNBOOKS[sale.state])
            lines.push(`${sale.product_id} is ${sale.state}${sale.reason ? `: ${sale.reason}` : ""}. ` +
                `${sale.next_step || ""} Runbook: ${RUNBOOKS[sale.state]}`);
    $("alerts").replaceChildren(...lines.map(line => element("li", line, "bad")));
    $("no-alerts").hidden = lines.length > 0;
}

function chart(id, type, datasets, stacked, y) {
    const ink = getComputedStyle(document.body).color;
    if (!state.charts[id]) {
        state.charts[id] = new Chart($(id), {
            type, data: { labels: [], datasets: [] },
            options: {
                animation: false, maintainAspectRatio: false, responsive: true,
                scales: {
                    x: { stacked, ticks: { color: ink, maxTicksLimit: 7 }, grid: { display: false } },
                    y: { stacked, beginAtZero: true, title: { display: true, text: y, color: ink }, ticks: { color: ink } },
                },
                plugins: { legend: { labels: { color: ink }, display: datasets.length > 1 } },
            },
        });
    }
    const made = state.charts[id];
    made.data.labels = Array.from({ length: KEPT }, (_, at) => at === KEPT - 1 ? "now" : `-${KEPT - 1 - at} s`);
    made.data.datasets = datasets;
    made.update();
}

const padded = values => [...Array(Math.max(0, KEPT - values.length)).fill(null), ...values];

function drawCurve() {
    const product = state.chosen;
    $("curve-product").textContent = product ?? "all sales";
    const points = state.curves.get(product ?? "") || [];
    chart("curve", "line", [{ label: "units left", data: padded(points.map(point => point.left)), borderColor: "#0b5cad",
        borderWidth: 2, pointRadius: 0, stepped: true }], false, "units left");
}

function drawOutcomes() {
    chart("outcomes", "bar", OUTCOMES.map((outcome, at) => ({
        label: outcome.replace("_", " "), backgroundColor: COLOURS[at], barPercentage: 1, categoryPercentage: 1,
        data: padded(state.outcomes.map(rates => rates.get(outcome) || 0)),
    })), true, "purchases per second");
}

function keepPoint(product, left, sold, at) {
    if (!state.curves.has(product))
        state.curves.set(product, []);
    const points = state.curves.get(product);
    points.push({ at, left, sold });
    points.splice(0, points.length - KEPT);
}

function takeSales(list) {
    const at = Date.now();
    let left = 0, sold = 0;
    state.sales = new Map(list.map(sale => [String(sale.product_id), sale]));
    for (const [product, sale] of state.sales) {
        keepPoint(product, sale.stock, sale.sold || 0, at);
        left += sale.stock || 0;
        sold += sale.sold || 0;
    }
    keepPoint("", left, sold, at);
    for (const product of [...state.curves.keys()])
        if (product !== "" && !state.sales.has(product))
            state.curves.delete(product);
}

function showServer(text, kind) {
    $("server").replaceChildren(element("span", "", `lamp ${kind}`), document.createTextNode(text));
}

let polledAt = 0;

async function poll() {
    const seconds = polledAt ? (Date.now() - polledAt) / 1000 : 1;
    try {
        const [products, metrics] = await Promise.all([request("GET", "/admin/products"), request("GET", "/metrics")]);
        const ready = await request("GET", "/readyz?verbose").catch(problem => ({ status: problem.message }));
        const isReady = ready.status === "ready";
        polledAt = Date.now();
        takeSales(products.products);
        showFigures(metrics, seconds);
        showServer(isReady ? `${ready.strategy}, ${ready.durability}, version ${ready.version}: ready` : `not ready: ${ready.status}`,
            isReady ? "good" : "bad");
        showAlerts(isReady ? [] : [`The server is not ready: ${ready.status}`]);
        showSales();
        drawCurve();
        drawOutcomes();
    } catch (problem) {
        if (problem.status === 401) {
            logOut("The server refuses the token now.");
            return;
        }
        showServer("no connection; trying again", "bad");
        showAlerts([`No response from the server: ${problem.message}`]);
    }
    state.timer = setTimeout(poll, POLL_MS);
}

function logOut(text) {
    clearTimeout(state.timer);
    state.token = null;
    $("room").hidden = true;
    $("login-card").hidden = false;
    $("login-result").textContent = text;
    showServer("not connected", "");
}

$("login").addEventListener("submit", async event => {
    event.preventDefault();
    state.token = $("token").value.trim();
    $("token").value = "";
    try {
        await request("GET", "/admin/products");
    } catch (problem) {
        logOut(problem.status === 401 ? "This is not the admin token of this server." : problem.message);
        return;
    }
    $("login-result").textContent = "";
    $("login-card").hidden = true;
    $("room").hidden = false;
    poll();
});

$("filter").addEventListener("input", showSales);

async function audit(product) {
    try {
        const result = await request("GET", `${path(product)}/audit`);
        state.audits.set(product, result);
        done(`Audited ${product}: ${result.sound ? "sound" : "NOT SOUND"}`, result.sound ? "good" : "bad");
    } catch (problem) {
        done(`Audit of ${product}: ${problem.message}`, "bad");
    }
    showSales();
}

function done(text, kind) {
    $("done").prepend(element("li", `${new Date().toLocaleTimeString()}  ${text}`, kind));
}

// Asks before it sends; fields: {name, label, type, value, min, mustBe}.  The key stays the same for all attempts.
function confirmAction(title, method, requestPath, fields, bodyOf) {
    const key = newKey();
    const inputs = fields.map(field => {
        const label = element("label", field.label);
        const input = document.createElement("input");
        input.type = field.type;
        input.required = true;
        input.value = field.value ?? "";
        if (field.min !== undefined)
            input.min = field.min;
        input.dataset.name = field.name;
        label.append(input);
        return { label, input, field };
    });
    const values = () => Object.fromEntries(inputs.map(one => [one.field.name, one.input.value]));
    const refresh = () => {
        const target = typeof requestPath === "function" ? requestPath(values()) : requestPath;
        $("confirm-curl").textContent = curlLine(method, target, bodyOf(values()), key);
        $("confirm-do").disabled = inputs.some(one => one.field.mustBe !== undefined && one.input.value !== one.field.mustBe);
    };
    inputs.forEach(one => one.input.addEventListener("input", refresh));
    $("confirm-title").textContent = title;
    $("confirm-fields").replaceChildren(...inputs.map(one => one.label));
    $("confirm-result").textContent = "";
    $("confirm-form").onsubmit = async event => {
        if (event.submitter?.value !== "do")
            return;
        event.preventDefault();
        const target = typeof requestPath === "function" ? requestPath(values()) : requestPath;
        $("confirm-do").disabled = true;
        try {
            await request(method, target, { body: bodyOf(values()), key });
            $("confirm").close();
            done(title, "good");
        } catch (problem) {
            $("confirm-result").textContent = problem.message;
            $("confirm-do").disabled = false;
            done(`${title}: ${problem.message}`, "bad");
        }
    };
    refresh();
    $("confirm").showModal();
}

$("new-sale").addEventListener("click", () => confirmAction("New sale", "PUT", values => path(values.product),
    [{ name: "product", label: "Product", type: "text" }, { name: "stock", label: "Units", type: "number", min: 0, value: 100 }],
    values => ({ stock: Number(values.stock) })));
