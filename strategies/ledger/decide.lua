-- decide.lua: decides a batch of purchases and cancels of one sale, in the order of arrival.
--
-- KEYS  1 sale     hash: epoch seq initial restocked left sold state frozen per_buyer per_order
--                  opens closes fence
--       2 orders   hash: order name -> record
--       3 buyers   hash: buyer -> units had in this epoch
--       4 log      stream: one entry a batch, fields order name -> record
--       5 claims   hash: order name -> product; only where ARGV 4 names the product
-- ARGV  1 epoch    the highest the caller was ever answered; 0: none
--       2 seq      of the caller's last sale in that epoch; 0: none
--       3 order    of that sale, the witness: a store that does not have it has lost it
--       4 product  its name, for the claims; "": all products do not live on one node
--       5 log_max  entries that the log keeps, about; 0: all
--       6 mode     "run"; "dry": decides and writes nothing, but freezes a sale that is behind
--       7 deadline Unix ms by the store's clock, past which nothing new is decided; 0: none
--       8 owner    of the lock, for guard.lua
--       then for each op: order, buyer, units (0: cancel)
-- Returns  {epoch, now in Unix ms, then for each op: code, units left, seq, record or ""}
--       code: enum fs_verdict; + 100 when replayed; a closed sale is 200 + enum fs_sale_state;
--       300: the sale is frozen; 301: the deadline had passed.  Of a dry run that would sell or
--       cancel, record is what it would write.
-- Record "status|units|epoch|seq|left|sold_ms|cancelled_ms|buyer"; status "S": sold, "C17":
--       cancelled by record 17
-- Cost  1 TIME, 4 or 5 reads, 4 or 5 writes a batch, whatever its size.
--
-- Every check comes before the first write, also whether each key is of its type: a script that
-- fails half way is not rolled back.  (Too little memory is judged by Redis at the first write, and
-- then for the whole script.)
-- Numbers are whole and below 10^14, so that Lua's own text of them is exact.

local DONE, SOLD_OUT, LIMIT, TOO_MANY, UNKNOWN = 1, 2, 3, 4, 6
local KEY_REUSED, NOT_CANCELLABLE = 8, 10
local REPLAYED, STATE, FROZEN, LATE = 100, 200, 300, 301
local OPEN, CLOSED, NOT_OPEN = 1, 3, 4
local FIRST, STRIDE = 9, 3

local ARGV = ARGV
local argc = #ARGV
local dry = ARGV[6] == 'dry'
local product = ARGV[4] ~= '' and ARGV[4]

local function int(text)
    return tonumber(text) or 0
end

-- The same answer for every op: nothing can be decided.
local function refuse_all(epoch, code)
    local answer = {epoch, 0}
    local n = 2
    for _ = FIRST, argc, STRIDE do
        answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = code, -1, 0, ''
        n = n + 4
    end
    return answer
end

local sale = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'left', 'sold', 'state', 'frozen',
    'per_buyer', 'per_order', 'opens', 'closes')
local seen_epoch, seen_seq = int(ARGV[1]), int(ARGV[2])

if dry and sale[1] then
    -- A write that changes nothing: a store that cannot write says so here.
    redis.call('HDEL', KEYS[1], '-')
elseif dry then
    -- And one that needs memory, the first of the script, since by the first that is judged; it
    -- makes no key.
    redis.call('SETRANGE', KEYS[1], 0, '')
end
if not sale[1] then
    -- A sale that was sold from and is gone means that the store forgot it: never "unknown".
    return refuse_all(0, seen_epoch > 0 and FROZEN or UNKNOWN)
end
local epoch, seq, left, sold = int(sale[1]), int(sale[2]), int(sale[3]), int(sale[4])
if sale[6] then
    return refuse_all(epoch, FROZEN)
end

-- What the batch names, in one read each.  The witness comes after the names.
local names, people, count = {}, {}, 0
for i = FIRST, argc, STRIDE do
    count = count + 1
    names[count], people[count] = ARGV[i], ARGV[i + 1]
end
if count == 0 then
    return {epoch, 0}
end
local is_witnessed = seen_epoch == epoch and seen_seq > 0
if is_witnessed then
    names[count + 1] = ARGV[3]
end
local found = redis.call('HMGET', KEYS[2], unpack(names))
local behind = epoch < seen_epoch
if is_witnessed then
    local record = found[count + 1]
    behind = not record or string.match(record, '^%a%d*|%d+|%d+|(%d+)|') ~= ARGV[2]
end
if behind then
    redis.call('HSET', KEYS[1], 'frozen', 'behind')
    return refuse_all(epoch, FROZEN)
end
local orders, had, claims = {}, {}, {}
for i = 1, count do orders[names[i]] = found[i] end
found = redis.call('HMGET', KEYS[3], unpack(people))
for i = 1, count do had[people[i]] = tonumber(found[i]) or 0 end
if product then
    found = redis.call('HMGET', KEYS[5], unpack(names, 1, count))
    for i = 1, count do claims[names[i]] = found[i] end
end

-- A key of another type is found here and not by the write.
redis.call('XLEN', KEYS[4])

local state, per_buyer, per_order = int(sale[5]), int(sale[7]), int(sale[8])
local opens, closes, deadline = int(sale[9]), int(sale[10]), int(ARGV[7])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local late = deadline ~= 0 and deadline <= now
if state == OPEN and opens > now then
    state = NOT_OPEN
elseif state == OPEN and closes ~= 0 and closes <= now then
    state = CLOSED
end
if per_buyer == 0 then per_buyer = math.huge end
if per_order == 0 then per_order = math.huge end

local log, new_claims, touched = {}, {}, {}
local logged, claimed = 0, 0
local sold_head, sold_tail = '|' .. epoch .. '|', '|' .. now .. '|0|'

local function purchase(order, buyer, units_text)
    local units = tonumber(units_text)
    local text = orders[order]
    if text then
        local of_units, of_seq, of_left, of_buyer =
            string.match(text, '^%a%d*|(%d+)|%d+|(%d+)|(%d+)|%d+|%d+|(.*)$')
        if of_buyer ~= buyer or tonumber(of_units) ~= units then
            return KEY_REUSED, left, seq, ''
        end
        return DONE + REPLAYED, tonumber(of_left), tonumber(of_seq), text
    end
    if product and claims[order] and claims[order] ~= product then
        return KEY_REUSED, left, seq, ''
    elseif late then
        return LATE, left, seq, ''
    elseif state ~= OPEN then
        return STATE + state, left, seq, ''
    elseif units > per_order then
        return TOO_MANY, left, seq, ''
    end
    local now_had = had[buyer] + units
    if now_had > per_buyer then
        return LIMIT, left, seq, ''
    elseif units > left then
        return SOLD_OUT, left, seq, ''
    end
    seq, left, sold = seq + 1, left - units, sold + units
    had[buyer], touched[buyer] = now_had, true
    text = 'S|' .. units_text .. sold_head .. seq .. '|' .. left .. sold_tail .. buyer
    orders[order] = text
    log[logged + 1], log[logged + 2] = order, text
    logged = logged + 2
    if product then
        claims[order] = product
        new_claims[claimed + 1], new_claims[claimed + 2] = order, product
        claimed = claimed + 2
    end
    return DONE, left, seq, dry and text or ''
end

local function cancel(order, buyer)
    local text = orders[order]
    local status, cancel_seq, units, of_epoch, of_seq, of_left, sold_ms, of_buyer
    if text then
        status, cancel_seq, units, of_epoch, of_seq, of_left, sold_ms, of_buyer =
            string.match(text, '^(%a)(%d*)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|%d+|(.*)$')
    end
    if not status or of_buyer ~= buyer then
        return UNKNOWN, left, seq, ''
    elseif status == 'C' then
        return DONE + REPLAYED, left, tonumber(cancel_seq), text
    elseif tonumber(of_epoch) ~= epoch then
        return NOT_CANCELLABLE, left, tonumber(of_seq), text
    elseif late then
        return LATE, left, seq, ''
    end
    seq, left, sold = seq + 1, left + units, sold - units
    had[buyer], touched[buyer] = had[buyer] - units, true
    text = 'C' .. seq .. '|' .. units .. '|' .. of_epoch .. '|' .. of_seq .. '|' .. of_left ..
        '|' .. sold_ms .. '|' .. now .. '|' .. buyer
    orders[order] = text
    log[logged + 1], log[logged + 2] = order, text
    logged = logged + 2
    return DONE, left, seq, text
end

local answer = {epoch, now}
local n = 2
for i = FIRST, argc, STRIDE do
    local code, units_left, at, text
    if ARGV[i + 2] ~= '0' then
        code, units_left, at, text = purchase(ARGV[i], ARGV[i + 1], ARGV[i + 2])
    else
        code, units_left, at, text = cancel(ARGV[i], ARGV[i + 1])
    end
    answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = code, units_left, at, text
    n = n + 4
end

if logged > 0 and not dry then
    local new_had, m = {}, 0
    for buyer in pairs(touched) do
        new_had[m + 1], new_had[m + 2] = buyer, had[buyer]
        m = m + 2
    end
    redis.call('HSET', KEYS[2], unpack(log))
    redis.call('HSET', KEYS[3], unpack(new_had))
    if claimed > 0 then
        redis.call('HSET', KEYS[5], unpack(new_claims))
    end
    if ARGV[5] == '0' then
        redis.call('XADD', KEYS[4], '*', unpack(log))
    else
        redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[5], '*', unpack(log))
    end
    redis.call('HSET', KEYS[1], 'seq', seq, 'left', left, 'sold', sold)
end
return answer
