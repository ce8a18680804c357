-- release.lua: gives the lock back when it is still the caller's.
--
-- KEYS     1 lock
-- ARGV     1 token
-- Returns  1 when it was given back, 0 when it was not the caller's any more
-- Cost     1 read, 1 write

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
return redis.call('DEL', KEYS[1])
