-- idempotency: one job for a request that is made again with the same key
-- flags  -
-- Returns the token of the job that an owner's key belongs to, and 'same' if that was made from the same content, 'conflict' if
-- not; nothing for a key that is new.
local function find_request(options)
  local holder = call('GET', base .. K_IDEMPOTENCY .. options.idempotency)
  if not holder then return nil end
  local earlier, fingerprint = string.match(holder, '^(%S+) (.*)$')
  if call('EXISTS', job_key(earlier)) == 0 then return nil end
  return earlier, fingerprint == options.fingerprint and 'same' or 'conflict'
end

local function remember_request(token, options)
  local key = base .. K_IDEMPOTENCY .. options.idempotency
  call('SET', key, token .. ' ' .. options.fingerprint, 'PX', integer(options.window))
end
