-- change.lua: creates a sale, starts a new epoch of it, or changes it.
--
-- KEYS  1 sale     hash, see decide.lua
--       2 buyers   hash: emptied by a new epoch
--       3 log      stream: each change is an entry, field "#change"
--       4 changes  hash: name of a change -> what it asked for
--       5 claims   hash: "#" and name of a change -> product; only where ARGV 11 names the product
--       last: manifest of the store, only where ARGV 15 is not ""
-- ARGV  1 kind        "create", "reset" or "update"
--       2 name        of the change; "": not remembered
--       3 units_reset of the new epoch; -1: an update
--       4 units_add   restock; below 0: takes out units that are left, or none (code 2)
--       5 per_buyer   6 per_order   7 opens   8 closes   9 state: "-1" leaves it as it is
--       10 epoch      the highest that the caller's process was ever answered; 0: none.  A sale that
--                     is not there, or in an earlier epoch, was then lost by the store.  Behind "|": by
--                     how much more than one, at random, a new epoch is above all that are known where
--                     something was lost, and with it perhaps later epochs
--       11 product    "": all products do not live on one node
--       12 log_max    see decide.lua
--       13 units_max  that may ever be in one epoch
--       14 data       the mark of the caller's sales, see decide.lua
--       15 manifest   that the store must have, so that a sale may be made on it; see core/store/identity.h
-- Returns  {code, then the fields of sale.lua and the time where there is a sale}
--       code: enum fs_verdict, + 100 when this change was made before; 302: more than units_max;
--       300: the sale is frozen or lost, and this neither resets it nor only pauses or closes it
--       305: the sale, or the store, belongs to other sale data
-- Cost  1 TIME, 4 to 6 reads, 2 to 6 writes
--
-- Every check comes before the first write.  A change takes a new fence, so that a holder of the
-- lock of v2 who has read the sale before it does not write over it.

local DONE, SOLD_OUT, UNKNOWN, EXISTS, KEY_REUSED, REPLAYED = 1, 2, 6, 7, 8, 100
local FROZEN, TOO_MANY_UNITS, FOREIGN = 300, 302, 305

local kind, name, product = ARGV[1], ARGV[2], ARGV[11]
local asked = table.concat(ARGV, '|', 3, 9)
asked = kind .. '|' .. asked

local function answer(code)
    local fields = read_sale(KEYS[1])
    if fields then
        table.insert(fields, 1, code)
    end
    return fields or {code}
end

if name ~= '' then
    local made = redis.call('HGET', KEYS[4], name)
    if made then
        return made == asked and answer(DONE + REPLAYED) or {KEY_REUSED}
    end
    local claimed = product ~= '' and redis.call('HGET', KEYS[5], '#' .. name)
    if claimed and claimed ~= product then
        return {KEY_REUSED}
    end
end

redis.call('XLEN', KEYS[3]) -- keys of another type are found here and not by the writes
local named = redis.call('HLEN', KEYS[4])
local old = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'initial', 'restocked', 'left', 'frozen',
    'named', 'data')
local known, ahead = string.match(ARGV[10], '^(%d+)|?(%d*)$')
known = tonumber(known)
local data = ARGV[14] or ''
if old[8] and data ~= '' and old[8] ~= data then
    return {FOREIGN}
end
-- Each sale has a log from its beginning on: it is lost, and was not never made, where that is left.
local is_lost = not old[1] and (known > 0 or redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0)
if is_lost and kind ~= 'reset' then
    return {FROZEN}
elseif kind == 'update' and not old[1] then
    return {UNKNOWN}
elseif kind == 'create' and old[1] then
    return {EXISTS}
end
-- Names of changes that somebody removed: this one may have been made.
local is_forgetful = old[7] and tonumber(old[7]) ~= named
if kind == 'update' and (old[6] or is_forgetful or tonumber(old[1]) < known) then
    local other = ARGV[4] ~= '0' or ARGV[9] == '1'
    for i = 5, 8 do
        other = other or ARGV[i] ~= '-1'
    end
    if other then
        return answer(FROZEN)
    end
end

-- The first sale on a store takes the mark of the unused away from its manifest.
local used = kind ~= 'update' and (ARGV[15] or '') ~= '' and ARGV[15]
if used then
    local found = redis.call('GET', KEYS[#KEYS])
    if found == used then
        used = false
    elseif found == false and kind ~= 'reset' then
        return {FROZEN}
    elseif found ~= false and found ~= used .. ' (unused)' then
        return {FOREIGN}
    end
end

local epoch, seq = tonumber(old[1]) or 0, (tonumber(old[2]) or 0) + 1
local set = {'seq', seq}

local function put(field, value)
    set[#set + 1] = field
    set[#set + 1] = value
end

local defaults = {per_buyer = '0', per_order = '0', opens = '0', closes = '0', state = '1'}
for i, field in ipairs({'per_buyer', 'per_order', 'opens', 'closes', 'state'}) do
    local value = ARGV[4 + i]
    if value ~= '-1' then
        put(field, value)
    elseif not old[1] then
        put(field, defaults[field])
    end
end
if kind == 'update' then
    local add = tonumber(ARGV[4])
    if tonumber(old[3]) + tonumber(old[4]) + add > tonumber(ARGV[13]) then
        return {TOO_MANY_UNITS}
    elseif tonumber(old[5]) + add < 0 then
        return {SOLD_OUT}
    end
    put('restocked', tonumber(old[4]) + add)
    put('left', tonumber(old[5]) + add)
else
    if tonumber(ARGV[3]) > tonumber(ARGV[13]) then
        return {TOO_MANY_UNITS}
    end
    local in_doubt = is_lost or old[6] or epoch < known
    put('epoch', math.max(epoch, known) + 1 + (in_doubt and tonumber(ahead) or 0))
    put('initial', ARGV[3])
    put('restocked', '0')
    put('left', ARGV[3])
    put('sold', '0')
    put('buyers', '0')
    if data ~= '' then
        put('data', data)
    end
end

if name ~= '' then
    need('HSET', KEYS[4])
end
if name ~= '' and product ~= '' then
    need('HSET', KEYS[5])
end
if kind ~= 'update' then
    need('UNLINK', KEYS[2], 'HDEL', KEYS[1])
end
if used then
    need('SET', KEYS[#KEYS])
end
will_write('HLEN', KEYS[4], 'HSET', KEYS[1], 'HINCRBY', KEYS[1], 'XADD', KEYS[3], 'HMGET', KEYS[1], 'TIME', '')

if used then
    redis.call('SET', KEYS[#KEYS], used)
end
if kind ~= 'update' then
    redis.call('UNLINK', KEYS[2])
    redis.call('HDEL', KEYS[1], 'frozen')
end
if name ~= '' then
    redis.call('HSET', KEYS[4], name, asked)
    if product ~= '' then
        redis.call('HSET', KEYS[5], '#' .. name, product)
    end
end
if name ~= '' or kind ~= 'update' then
    put('named', redis.call('HLEN', KEYS[4]))
end
if ARGV[12] == '0' then
    redis.call('XADD', KEYS[3], '*', '#change', seq .. '|' .. asked)
else
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[12], '*', '#change', seq .. '|' .. asked)
end
redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], unpack(set))
return answer(DONE)
