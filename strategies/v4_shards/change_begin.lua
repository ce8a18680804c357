-- change_begin.lua, change_end.lua: around change.lua, on shard 0, which holds what is true of the
-- sale; adopt.lua brings it to the others.
--
-- KEYS, ARGV, returns  as change.lua, units_reset being those of all shards
-- ARGV     16 units of a new epoch that are dealt to shard 0   17 shards
-- Returns  {303} when the sale has another number of shards; {304} when it is being moved, or was
-- Cost     2 reads and 1 write more

if string.match(redis.call('HGET', KEYS[1], 'frozen') or '', '^moved|') then
    return {304}
end
local shards = redis.call('HGET', KEYS[1], 'shards')
if shards and shards ~= ARGV[17] then
    return {303}
end

local function change()
