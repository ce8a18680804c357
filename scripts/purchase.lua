-- wrk: authenticated purchases of one unit of product 1, each with an idempotency key of its own.
-- TOKENS (environment): a file with one bearer token a line; threads and connections share them.
-- The text of a request is made once a token but for its key, and there is no response(): wrk shares
-- the machine with what it loads, and counts what is not 2xx by itself.
local tokens = {}
for line in io.lines(os.getenv("TOKENS")) do
    tokens[#tokens + 1] = "Bearer " .. line
end
local counter, thread_count = 0, 0

function setup(thread)
    thread:set("thread_id", thread_count)
    thread_count = thread_count + 1
end

local heads, tails, key_head = {}, {}, nil

function init()
    for i, token in ipairs(tokens) do
        heads[i], tails[i] = wrk.format("POST", "/purchase/1", {
            ["Content-Type"] = "application/json",
            ["Authorization"] = token,
            ["Idempotency-Key"] = "#KEY#",
        }, '{"quantity": 1}'):match("^(.*)#KEY#(.*)$")
    end
    key_head = (os.getenv("RUN") or "run") .. "-" .. thread_id .. "-"
end

function request()
    counter = counter + 1
    local i = counter % #tokens + 1
    return heads[i] .. key_head .. counter .. tails[i]
end
