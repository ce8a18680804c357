-- decide.lua: decides a batch of purchases and cancels of one sale, in the order of arrival.
--
-- KEYS  1 sale    hash: epoch seq initial restocked left sold state frozen per_buyer per_order opens closes
--       2 orders  hash: order name -> record
--       3 buyers  hash: buyer -> units had in this epoch
--       4 log     stream: one entry a batch, fields order name -> record
--       5 claims  hash: order name -> product; optional: where all products live on one node
-- ARGV  1 epoch   the highest the caller was ever answered; 0: none
--       2 seq     the highest in that epoch
--       3 product its name, for the claims
--       4 log_max entries that the log keeps, about; 0: all
--       5 mode    "run", or "dry": decides and writes nothing
--       then for each op: kind ("p" purchase, "c" cancel), order, buyer, units,
--       deadline (Unix ms by the store's clock; 0: none)
-- Returns  {epoch, then for each op: code, units left, seq, record or ""}
--       code: enum fs_verdict; + 100 when replayed; a closed sale is 200 + enum fs_sale_state;
--       300: the sale is frozen; 301: its deadline had passed
-- Record "status|units|epoch|seq|left|sold_ms|cancelled_ms|buyer": status S sold, C cancelled
--
-- Every check comes before the first write: a script that fails half way is not rolled back.
-- Numbers are whole and below 10^14, so that Lua's own text of them is exact.
-- Cost: 1 TIME, 3 or 4 reads and 4 or 5 writes a batch, whatever its size.

local DONE, SOLD_OUT, LIMIT, TOO_MANY, CLOSED, UNKNOWN = 1, 2, 3, 4, 5, 6
local KEY_REUSED, NOT_CANCELLABLE = 8, 10
local REPLAYED, STATE, FROZEN, LATE = 100, 200, 300, 301
local OPEN, NOT_OPEN = 1, 4
local FIRST, STRIDE = 6, 5

local function int(text)
    return tonumber(text) or 0
end

-- The same answer for every op: nothing can be decided.
local function refuse_all(epoch, code)
    local answer = {epoch}
    for i = FIRST, #ARGV, STRIDE do
        local n = #answer
        answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = code, -1, 0, ''
    end
    return answer
end

local sale = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'left', 'sold', 'state', 'frozen',
    'per_buyer', 'per_order', 'opens', 'closes')
local seen_epoch, seen_seq = int(ARGV[1]), int(ARGV[2])
local dry = ARGV[5] == 'dry'

if not sale[1] then
    -- A sale that was sold from and is gone means that the store forgot it: never "unknown".
    return refuse_all(0, seen_epoch > 0 and FROZEN or UNKNOWN)
end

local epoch, seq, left, sold = int(sale[1]), int(sale[2]), int(sale[3]), int(sale[4])
local behind = epoch < seen_epoch or (epoch == seen_epoch and seq < seen_seq)
if behind and not sale[6] and not dry then
    redis.call('HSET', KEYS[1], 'frozen', '1')
end
if behind or sale[6] then
    return refuse_all(epoch, FROZEN)
end

local state, per_buyer, per_order = int(sale[5]), int(sale[7]), int(sale[8])
local clock = redis.call('TIME')
local now = int(clock[1]) * 1000 + math.floor(int(clock[2]) / 1000)
if state == OPEN and int(sale[9]) > now then
    state = NOT_OPEN
elseif state == OPEN and int(sale[10]) ~= 0 and int(sale[10]) <= now then
    state = 3
end

local names, people = {}, {}
for i = FIRST, #ARGV, STRIDE do
    names[#names + 1] = ARGV[i + 1]
    people[#people + 1] = ARGV[i + 2]
end
if #names == 0 then
    return {epoch}
end

local orders, had, claims = {}, {}, {}
local found = redis.call('HMGET', KEYS[2], unpack(names))
for i = 1, #names do orders[names[i]] = found[i] end
found = redis.call('HMGET', KEYS[3], unpack(people))
for i = 1, #people do had[people[i]] = int(found[i]) end
if KEYS[5] then
    found = redis.call('HMGET', KEYS[5], unpack(names))
    for i = 1, #names do claims[names[i]] = found[i] end
end

local function read(record)
    local status, units, e, s, l, at, cancelled, buyer =
        string.match(record, '^(%a)|(%d+)|(%d+)|(%d+)|(%-?%d+)|(%d+)|(%d+)|(.*)$')
    return {status = status, units = int(units), epoch = int(e), seq = int(s), left = int(l),
        at = at, cancelled = cancelled, buyer = buyer}
end

local function write(o)
    return o.status .. '|' .. (o.units) .. '|' .. (o.epoch) .. '|' .. (o.seq) ..
        '|' .. (o.left) .. '|' .. o.at .. '|' .. o.cancelled .. '|' .. o.buyer
end

local new_orders, new_had, new_claims, log, touched = {}, {}, {}, {}, {}

local function record_order(order, text)
    orders[order] = text
    new_orders[#new_orders + 1] = order
    new_orders[#new_orders + 1] = text
    log[#log + 1] = order
    log[#log + 1] = text
end

local function purchase(order, buyer, units, deadline)
    local text = orders[order]
    if text then
        local o = read(text)
        if o.buyer ~= buyer or o.units ~= units then
            return KEY_REUSED, left, 0, ''
        end
        return DONE + REPLAYED, o.left, o.seq, text
    end
    if claims[order] and claims[order] ~= ARGV[3] then
        return KEY_REUSED, left, 0, ''
    elseif deadline ~= 0 and deadline <= now then
        return LATE, left, 0, ''
    elseif state ~= OPEN then
        return STATE + state, left, 0, ''
    elseif per_order > 0 and units > per_order then
        return TOO_MANY, left, 0, ''
    elseif per_buyer > 0 and had[buyer] + units > per_buyer then
        return LIMIT, left, 0, ''
    elseif units > left then
        return SOLD_OUT, left, 0, ''
    end
    seq, left, sold = seq + 1, left - units, sold + units
    had[buyer] = had[buyer] + units
    touched[buyer] = true
    record_order(order, 'S|' .. units .. '|' .. epoch .. '|' .. seq .. '|' ..
        left .. '|' .. now .. '|0|' .. buyer)
    if KEYS[5] then
        claims[order] = ARGV[3]
        new_claims[#new_claims + 1] = order
        new_claims[#new_claims + 1] = ARGV[3]
    end
    return DONE, left, seq, ''
end

local function cancel(order, buyer)
    local o = orders[order] and read(orders[order])
    if not o or o.buyer ~= buyer then
        return UNKNOWN, left, 0, ''
    elseif o.status == 'C' then
        return DONE + REPLAYED, left, o.seq, orders[order]
    elseif o.epoch ~= epoch then
        return NOT_CANCELLABLE, left, 0, orders[order]
    end
    seq, left, sold = seq + 1, left + o.units, sold - o.units
    had[buyer] = had[buyer] - o.units
    touched[buyer] = true
    o.status, o.cancelled = 'C', now
    record_order(order, write(o))
    return DONE, left, seq, orders[order]
end

local answer = {epoch}
for i = FIRST, #ARGV, STRIDE do
    local code, units_left, at, text
    if ARGV[i] == 'p' then
        code, units_left, at, text = purchase(ARGV[i + 1], ARGV[i + 2], int(ARGV[i + 3]), int(ARGV[i + 4]))
    else
        code, units_left, at, text = cancel(ARGV[i + 1], ARGV[i + 2])
    end
    local n = #answer
    answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = code, units_left, at, text
end

if #new_orders > 0 and not dry then
    for buyer in pairs(touched) do
        new_had[#new_had + 1] = buyer
        new_had[#new_had + 1] = had[buyer]
    end
    redis.call('HSET', KEYS[2], unpack(new_orders))
    redis.call('HSET', KEYS[3], unpack(new_had))
    if #new_claims > 0 then
        redis.call('HSET', KEYS[5], unpack(new_claims))
    end
    if ARGV[4] == '0' then
        redis.call('XADD', KEYS[4], '*', unpack(log))
    else
        redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[4], '*', unpack(log))
    end
    redis.call('HSET', KEYS[1], 'seq', seq, 'left', left, 'sold', sold)
end
return answer
