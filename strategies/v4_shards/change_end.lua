end

local result = change()
if result[1] == 1 then
    redis.call('HINCRBY', KEYS[1], 'moves', 1)
    if ARGV[1] ~= 'update' then
        redis.call('HSET', KEYS[1], 'total', ARGV[3], 'shards', ARGV[17], 'initial', ARGV[16],
            'left', ARGV[16])
    end
end
return result
