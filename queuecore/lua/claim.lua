-- claim: hand the oldest jobs of the most urgent lines to one runner
-- from   queued
-- to     running
-- flags  allow-oom
-- ARGV   (part of advance)
-- reply  tokens, attempts, and flat: token, attempt, spec, history ('' or {failures, crashes, checkpoint}), ...
-- What an attempt needs to know of a job's earlier ones; flat, '' where there is nothing.
local function earlier_attempts(key)
  local fields = call('HMGET', key, FAILURES, CRASHES, CHECKPOINT)
  return { fields[1] or '', fields[2] or '', fields[3] or '' }
end

-- The number of the attempt that a claim would start, as text; nil for a job that is not queued.
local function next_attempt(state)
  if state == 'queued 0' then return '1' end
  local earlier = string.match(state, '^queued (%d+)$')
  return earlier and integer(earlier + 1)
end

-- Jumps over places that cancelled jobs left at the head, of which there can be very many in a row. Returns how many.
local function skip_holes(line)
  local key, skipped = base .. K_LINE_OF .. line, 0
  repeat
    local heads, n = call('LRANGE', key, 0, 999), 0
    while heads[n + 1] == '' do n = n + 1 end
    if n > 0 then call('LTRIM', key, n, -1) end
    skipped = skipped + n
  until n < 1000
  call('HINCRBY', base .. K_LINES, line, skipped)
  return skipped
end

local function claim(runner, slots, now)
  local tokens, attempts, claims, n = {}, {}, {}, 0
  local claimed = runner .. ' ' .. now
  for _, line in ipairs(LINE_NAMES) do
    while #tokens < slots do
      local taken = call('LPOP', base .. K_LINE_OF .. line, slots - #tokens)
      if not taken then break end
      call('HINCRBY', base .. K_LINES, line, #taken)
      local holes = 0
      for _, token in ipairs(taken) do
        local key = base .. K_JOB .. token
        local values = token ~= '' and call('HMGET', key, STATE, SPEC)
        local attempt = values and values[1] and next_attempt(values[1])
        if attempt then
          call('HSET', key, STATE, 'running ' .. attempt, CLAIMED, claimed)
          tokens[#tokens + 1], attempts[#attempts + 1] = token, attempt
          claims[n + 1], claims[n + 2], claims[n + 3] = token, attempt, values[2]
          claims[n + 4] = attempt ~= '1' and earlier_attempts(key) or ''
          n = n + 4
        elseif token == '' then
          holes = holes + 1
        else
          count('orphans', 1)
        end
      end
      if holes > 0 then
        if #tokens < slots then holes = holes + skip_holes(line) end
        call('HINCRBY', base .. K_LINES, line .. '.holes', -holes)
      end
    end
  end
  if #tokens > 0 then call_with_all('SADD', base .. K_RUNNING .. runner, tokens) end
  return tokens, attempts, claims
end
