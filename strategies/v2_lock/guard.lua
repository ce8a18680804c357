-- guard.lua: gives the lock back and goes on to decide, or stops; between fence.lua and decide.lua.
--
-- Returns  {-1} when the caller does not hold the lock any more; else what decide.lua returns
-- Cost     1 write
--
-- Giving back comes first since it may: the whole is one step to everyone else.

if has_token then
    redis.call('DEL', LOCK)
end
if not is_holder then
    return {-1}
end
