-- guard.lua: gives the lock back and goes on to decide, or stops; between fence.lua and decide.lua.
--
-- Returns  {-1} when the caller does not hold the lock any more; else what decide.lua returns
-- Cost     1 write
--
-- Giving back comes first since it may: the whole is one step to everyone else.

if has_token then
    need('HMGET', KEYS[1], 'HMGET', KEYS[2], 'HMGET', KEYS[3], 'HLEN', KEYS[3], 'XLEN', KEYS[4], 'TIME', '',
        'HSET', KEYS[1], 'HSET', KEYS[2], 'HSET', KEYS[3], 'XADD', KEYS[4])
    if ARGV[4] ~= '' then
        need('HMGET', KEYS[5], 'HSET', KEYS[5])
    end
    will_write('DEL', LOCK)
    redis.call('DEL', LOCK)
end
if not is_holder then
    return {-1}
end
