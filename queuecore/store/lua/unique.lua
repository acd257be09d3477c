-- unique: one job for an idempotency key of an owner
-- flags  -
-- Takes the key for a job that is new to it. Returns nothing then, else the token of the job that has it, and 'unique' if that
-- was made from the same content, 'conflict' if not.
local function take_key(token, options)
  local key = base .. K_UNIQUE .. options.unique
  local holder = call('GET', key)
  if holder then
    local earlier, fingerprint = string.match(holder, '^(%S+) (.*)$')
    if call('EXISTS', job_key(earlier)) == 1 then
      return earlier, fingerprint == options.fingerprint and 'unique' or 'conflict'
    end
  end
  call('SET', key, token .. ' ' .. options.fingerprint, 'PX', integer(options.window))
end
