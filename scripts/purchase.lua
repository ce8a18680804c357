-- wrk: authenticated purchases of one unit of product 1, each with an idempotency key of its own.
-- TOKENS (environment): a file with one bearer token a line; threads and connections share them.
local tokens = {}
for line in io.lines(os.getenv("TOKENS")) do
    tokens[#tokens + 1] = "Bearer " .. line
end
local counter, thread_count = 0, 0

function setup(thread)
    thread:set("thread_id", thread_count)
    thread_count = thread_count + 1
end

function request()
    counter = counter + 1
    return wrk.format("POST", "/purchase/1", {
        ["Content-Type"] = "application/json",
        ["Authorization"] = tokens[counter % #tokens + 1],
        ["Idempotency-Key"] = (os.getenv("RUN") or "run") .. "-" .. thread_id .. "-" .. counter,
    }, '{"quantity": 1}')
end

local refused = 0
function response(status)
    if status ~= 200 then
        refused = refused + 1
    end
end
