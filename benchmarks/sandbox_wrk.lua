-- Sends requests signed beforehand, in turn: a nonce is good only once.
-- wrk ... -s sandbox_wrk.lua URL -- FILE, where FILE holds the body in its first line and an
-- Authorization header in each other line.
local body, signed, turn = nil, {}, 0

function init(args)
  for line in io.lines(args[1]) do
    if body == nil then body = line else signed[#signed + 1] = line end
  end
end

function request()
  turn = turn + 1
  return wrk.format("POST", nil, {
    ["Content-Type"] = "application/json",
    ["Authorization"] = signed[(turn - 1) % #signed + 1],
  }, body)
end

function done(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.read + summary.errors.connect
  io.write(string.format("RESULT %d %d %d %.3f\n", summary.requests, summary.duration, bad,
                         latency:percentile(50) / 1000))
end
