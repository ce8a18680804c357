-- allowed_end.lua: see allowed_begin.lua.

end

local ok, result = pcall(script)
if ok then
    return result
end
local said = type(result) == 'table' and result.err or tostring(result)
if not writing and is_denial(said) and not string.find(said, 'nothing was written', 1, true) then
    deny(said)
end
-- From 7.0 on pcall() of Redis gives the text of an error alone, and only a table keeps its code.
if acl_check then
    error({err = string.find(said, '^%u+ ') and said or 'ERR ' .. said})
end
error(result, 0)
