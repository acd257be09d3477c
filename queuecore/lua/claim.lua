-- claim: hand the oldest jobs of the most urgent lines to one runner
-- from   queued
-- to     running
-- flags  allow-oom
-- ARGV   (part of advance)
-- reply  tokens, and flat: token, attempt, spec, history ('' or {failures, crashes, checkpoint}), ...
-- What an attempt needs to know of a job's earlier ones; flat, '' where there is nothing.
local function earlier_attempts(key)
  local fields = call('HMGET', key, FAILURES, CRASHES, CHECKPOINT)
  return { fields[1] or '', fields[2] or '', fields[3] or '' }
end

local function claim(runner, slots, now)
  local tokens, claims, n = {}, {}, 0
  local started = string.format('%.0f', now)
  for _, line in ipairs(LINE_NAMES) do
    while #tokens < slots do
      local taken = call('LPOP', base .. K_LINE_OF .. line, slots - #tokens)
      if not taken then break end
      call('HINCRBY', base .. K_LINES, line, #taken)
      local holes = 0
      for _, token in ipairs(taken) do
        if token == '' then
          holes = holes + 1
        else
          local key = base .. K_JOB .. token
          local fields = call('HMGET', key, STATE, SPEC, ATTEMPT, VERSION, WATCH)
          if fields[1] == 'queued' then
            local attempt, version = (fields[3] or 0) + 1, (fields[4] or 1) + 1
            call('HSET', key, STATE, 'running', ATTEMPT, attempt, VERSION, version, RUNNER, runner, STARTED, started)
            tokens[#tokens + 1] = token
            claims[n + 1], claims[n + 2], claims[n + 3] = token, attempt, fields[2]
            claims[n + 4] = attempt > 1 and earlier_attempts(key) or ''
            n = n + 4
            if fields[5] then notify(fields[5], token, version) end
          else
            count('orphans', 1)
          end
        end
      end
      if holes > 0 then call('HINCRBY', base .. K_LINES, line .. '.holes', -holes) end
    end
  end
  if #tokens > 0 then call_with_all('SADD', base .. K_RUNNING .. runner, tokens) end
  return tokens, claims
end
