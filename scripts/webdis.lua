-- wrk: one EVALSHA of the batch script with one purchase a request, as webdis takes it (a POST whose
-- body is the command, words separated by slashes).  SHA (environment): the script's digest.
-- The text of a request is made once but for order and buyer, as in purchase.lua.
local counter, thread_count = 0, 0

function setup(thread)
    thread:set("thread_id", thread_count)
    thread_count = thread_count + 1
end

local head, middle, tail, order_head

function init()
    order_head = string.format("%02d%012d", thread_id, tonumber(os.getenv("RUN") or "1"))
    local order, buyer = ("O"):rep(26), ("B"):rep(9)
    head, middle, tail = wrk.format("POST", "/", nil, table.concat({"EVALSHA", os.getenv("SHA"), "4",
        "fs%3A%7B1%7D%3Asale", "fs%3A%7B1%7D%3Aorders", "fs%3A%7B1%7D%3Abuyers", "fs%3A%7B1%7D%3Alog",
        "0", "0", "", "", "100000", "run", "0", "", order, buyer, "1"}, "/"))
        :match("^(.*)" .. order .. "(.*)" .. buyer .. "(.*)$")
end

function request()
    counter = counter + 1
    return head .. order_head .. string.format("%012d", counter) .. middle ..
        string.format("user_%04d", counter % 10000) .. tail
end
