// Reference client of flashsale: log-in, inventory, purchase, orders, with the retries that a client should make.
//
//   const client = new Client("http://127.0.0.1:8000");
//   await client.login("user_1", "password123");
//   const order = await client.purchase("1", 1);
//
// A purchase has one idempotency key for all its attempts, so that it is decided once however often it is
// sent. It is sent again with the same key when the outcome is unknown (504, a broken connection) or the
// server asks for patience (429, 503, 409 in_progress). Every other response is final.

const ATTEMPTS_MAX = 8;
const PAUSE_MS = 200;       // before the second attempt; doubled for each further one
const PAUSE_MS_MAX = 5000;
const REQUEST_MS_MAX = 10000;
const AGAIN = new Set([429, 502, 503, 504]);

// A response that is not 2xx: status, code (such as "sold_out"), detail, and the whole problem document.
export class Problem extends Error {
    constructor(status, problem) {
        super(problem.detail || problem.title || `HTTP ${status}`);
        this.status = status;
        this.code = problem.code || "unknown";
        this.problem = problem;
    }
}

export class Client {
    // now, sleep, random and fetch can be replaced in tests.
    constructor(base = "", options = {}) {
        this.base = base;
        this.token = null;
        this.clockOffsetMs = 0; // the server's clock less this one, from the last response that tells
        this.fetch = options.fetch || ((...args) => globalThis.fetch(...args));
        this.sleep = options.sleep || (ms => new Promise(done => setTimeout(done, ms)));
        this.random = options.random || Math.random;
        this.onRetry = options.onRetry || (() => {});
    }

    async login(username, password) {
        const { body } = await this.repeat("POST", "/login", { body: { username, password } });
        this.token = body.access_token;
        return body;
    }

    // {product_id, stock, initial, state, ...}
    async inventory(product) {
        const { body } = await this.repeat("GET", `/inventory/${encodeURIComponent(product)}`);
        if (body.server_time)
            this.clockOffsetMs = Date.parse(body.server_time) - Date.now();
        return body;
    }

    // {order_id, product_id, quantity, remaining, replayed}; throws Problem (code "sold_out", "user_limit", ...).
    async purchase(product, quantity, key = newKey()) {
        const path = `/purchase/${encodeURIComponent(product)}`;
        const { body, headers } = await this.repeat("POST", path, { body: { quantity }, key });
        return { ...body, key, replayed: headers.get("Idempotency-Replayed") === "true" };
    }

    async order(id) {
        return (await this.repeat("GET", `/orders/${encodeURIComponent(id)}`)).body;
    }

    // Cancels an order; its units return once, however often this is repeated.
    async cancel(id) {
        return (await this.repeat("DELETE", `/orders/${encodeURIComponent(id)}`)).body;
    }

    // One request with all its attempts. Each of the calls above is safe to repeat.
    async repeat(method, path, { body, key } = {}) {
        for (let attempt = 1; ; attempt++) {
            let problem, retryAfter = 0;
            try {
                const response = await this.send(method, path, body, key);
                const document = await response.json().catch(() => ({}));
                if (response.ok)
                    return { body: document, headers: response.headers };
                problem = new Problem(response.status, document);
                retryAfter = Number(response.headers.get("Retry-After")) || 0;
            } catch (error) {
                problem = new Problem(0, { code: "no_connection", detail: `No response: ${error.message}` });
            }
            if (!shouldRepeat(problem) || attempt === ATTEMPTS_MAX)
                throw problem;
            this.onRetry(problem, attempt);
            await this.sleep(this.pauseMs(attempt, retryAfter));
        }
    }

    send(method, path, body, key) {
        const headers = {};
        if (this.token)
            headers["Authorization"] = `Bearer ${this.token}`;
        if (key)
            headers["Idempotency-Key"] = key;
        if (body)
            headers["Content-Type"] = "application/json";
        return this.fetch(this.base + path, {
            method, headers, cache: "no-store",
            body: body ? JSON.stringify(body) : undefined,
            signal: AbortSignal.timeout(REQUEST_MS_MAX),
        });
    }

    // At least what the server asks for, plus a random part: a thousand clients must not come back at once.
    pauseMs(attempt, retryAfterS) {
        const spreadMs = Math.min(PAUSE_MS * 2 ** (attempt - 1), PAUSE_MS_MAX);
        return retryAfterS * 1000 + this.random() * spreadMs;
    }
}

export function shouldRepeat(problem) {
    return problem.status === 0 || AGAIN.has(problem.status) || problem.code === "in_progress";
}

// 128 random bits: names one purchase. A client that may be closed meanwhile stores it before it sends.
// (crypto.randomUUID() exists on secure origins only.)
export function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
}
