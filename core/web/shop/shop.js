// The shop page: shows sales with their countdown, buys, and lists the orders of this tab. It uses the public
// API alone, through client.js. Texts from outside reach the page as text nodes only.
import { Client, Problem, newKey } from "./client.js";

const REFRESH_MS = 1000;
const DEMO_PRODUCTS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
const STATES = {
    open: "Open", paused: "Paused", closed: "Closed", not_open: "Not open yet", frozen: "Unavailable",
    lost: "Unavailable", foreign: "Unavailable",
};

const client = new Client("", {
    onRetry: (problem, attempt) => note(`Attempt ${attempt} did not succeed (${problem.code}); trying again`),
});
const cards = new Map(); // product -> the elements of its card
const $ = id => document.getElementById(id);

function element(tag, text = "", className = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className)
        made.className = className;
    return made;
}

function note(text, kind = "") {
    const line = element("li", `${new Date().toLocaleTimeString()}  ${text}`, kind);
    $("log").prepend(line);
    while ($("log").children.length > 30)
        $("log").lastChild.remove();
}

function countdown(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return parts.map(part => String(part).padStart(2, "0")).join(":");
}

function makeCard(product) {
    const card = element("article", "", "card");
    const title = element("h3", `Product ${product}`);
    const state = element("p", "", "state");
    const stock = element("p", "", "stock");
    const meter = document.createElement("meter");
    const row = element("div", "", "row");
    const label = element("label", "Units ");
    const quantity = document.createElement("input");
    const buy = element("button", "Buy");
    const result = element("p", "", "result");

    meter.min = 0;
    meter.setAttribute("aria-label", `Units left of product ${product}`);
    quantity.type = "number";
    quantity.min = 1;
    quantity.max = 10;
    quantity.value = 1;
    label.append(quantity);
    row.append(label, buy);
    result.setAttribute("role", "status");
    card.append(title, state, stock, meter, row, result);
    card.dataset.product = product;
    buy.addEventListener("click", () => purchase(product, Number(quantity.value)));
    $("sales").append(card);
    cards.set(product, { card, state, stock, meter, buy, result });
    return cards.get(product);
}

function show(product, sale) {
    const card = cards.get(product) || makeCard(product);
    const now = Date.now() + client.clockOffsetMs;
    const opensMs = sale.opens_at ? Date.parse(sale.opens_at) - now : 0;
    const left = sale.stock ?? 0;
    let state = STATES[sale.state] || sale.state;

    if (sale.state === "not_open" && opensMs > 0)
        state = `Opens in ${countdown(opensMs)}`;
    else if (sale.state === "open" && left === 0)
        state = "Sold out";
    card.state.textContent = state;
    card.stock.textContent = sale.stock === null ? "Stock unknown" : `${left.toLocaleString()} left`;
    card.meter.max = Math.max(sale.initial || 0, left, 1);
    card.meter.value = left;
    card.card.dataset.state = left === 0 && sale.state === "open" ? "sold_out" : sale.state;
    card.buy.disabled = sale.state !== "open" || card.isBuying === true;
}

async function refresh(product) {
    try {
        show(product, await client.inventory(product));
        return true;
    } catch (problem) {
        const card = cards.get(product);
        if (card)
            card.state.textContent = problem.code === "unknown_product" ? "No such sale" : problem.message;
        return false;
    }
}

async function purchase(product, quantity) {
    const card = cards.get(product);
    const key = newKey();

    if (!client.token) {
        card.result.textContent = "Log in first.";
        return;
    }
    card.isBuying = true;
    card.buy.disabled = true;
    card.result.textContent = "Buying ...";
    try {
        const order = await client.purchase(product, quantity, key);
        card.result.textContent = `You have ${order.quantity}.`;
        note(`Bought ${order.quantity} of product ${product}: order ${order.order_id}`, "good");
        addOrder(order.order_id, product, order.quantity);
    } catch (problem) {
        if (!(problem instanceof Problem))
            throw problem;
        card.result.textContent = problem.message;
        note(`Product ${product}: ${problem.message} (${problem.code})`, "bad");
    } finally {
        card.isBuying = false;
        await refresh(product);
    }
}

function addOrder(id, product, quantity) {
    const item = element("li", "", "row");
    const status = element("span", `${quantity} of product ${product}, order ${id}: sold`);
    const cancel = element("button", "Cancel", "plain");

    cancel.setAttribute("aria-label", `Cancel order ${id}`);
    cancel.addEventListener("click", async () => {
        cancel.disabled = true;
        try {
            await client.cancel(id);
            status.textContent = `${quantity} of product ${product}, order ${id}: cancelled`;
            note(`Cancelled order ${id}`);
            cancel.remove();
        } catch (problem) {
            cancel.disabled = false;
            note(`Order ${id}: ${problem.message}`, "bad");
        }
        await refresh(product);
    });
    item.append(status, cancel);
    $("orders").prepend(item);
    $("no-orders").hidden = true;
}

$("login").addEventListener("submit", async event => {
    event.preventDefault();
    const name = $("user").value;
    try {
        await client.login(name, $("password").value);
        $("who").textContent = `Logged in as ${name}.`;
        $("orders").replaceChildren();
        $("no-orders").hidden = false;
    } catch (problem) {
        client.token = null;
        $("who").textContent = problem.message;
    }
});

$("more").addEventListener("submit", async event => {
    event.preventDefault();
    const product = $("product").value;
    if (!cards.has(product) && !await refresh(product))
        note(`There is no sale of product ${product}`, "bad");
    else
        $("product").value = "";
});

async function refreshAll() {
    if (!document.hidden)
        await Promise.all([...cards.keys()].map(refresh));
    setTimeout(refreshAll, REFRESH_MS);
}

const found = await Promise.all(DEMO_PRODUCTS.map(refresh));
$("no-sales").hidden = found.some(Boolean);
refreshAll();
