-- witness.lua: whether a shard has what the caller told of it; in front of take.lua, mark.lua, find.lua.
--
-- has_witness(orders, seq, order): seq, of the last sale or cancel of that order that the caller told
-- anybody; "0": of none.  decide.lua looks for the same.

local function has_witness(orders, seq, order)
    if seq == '0' then
        return true
    end
    local cancelled_by, sold_by =
        string.match(redis.call('HGET', orders, order) or '', '^%a(%d*)|%d+|%d+|(%d+)|')
    return sold_by == seq or cancelled_by == seq
end

