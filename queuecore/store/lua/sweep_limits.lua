-- sweep_limits: check that places are held by attempts that run, and give back those that are not
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   names of limits
-- reply  the names of limits with places that nobody held any more
local repaired = {}
for _, limit_name in ipairs(ARGV) do
  local key, found = base .. K_PLACES .. limit_name, false
  for _, name in ipairs(call('SMEMBERS', key)) do
    if not owned(split_name(name)) then
      leave_place(limit_name, name)
      found = true
    end
  end
  if call('EXISTS', key) == 0 then call('SREM', base .. K_HELD, limit_name) end
  if found then repaired[#repaired + 1] = limit_name end
end
wake_pushed()
return repaired
