-- sale.lua: what the reading scripts share; put in front of them at build time.
--
-- read_sale(key) gives the sale's fields in the order of FIELDS, then the store's time in Unix ms;
-- nil when there is no such sale.  All are texts but the time.

local FIELDS = {'epoch', 'seq', 'state', 'initial', 'restocked', 'left', 'sold', 'per_buyer',
    'per_order', 'opens', 'closes', 'frozen'}

local function read_sale(key)
    local fields = redis.call('HMGET', key, unpack(FIELDS))
    if not fields[1] then
        return nil
    end
    local clock = redis.call('TIME')
    fields[#FIELDS] = fields[#FIELDS] or ''
    fields[#FIELDS + 1] = clock[1] * 1000 + math.floor(clock[2] / 1000)
    return fields
end
