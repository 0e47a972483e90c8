--- One sentence on what the figures of a report mean, and what to do.
-- @module vk_compute.report.advice

local advice = {}

-- Of random picks a tenth are in each tenth. A share below the first says nothing, one above the second is clear.
local CHANCE_SHARE, CLEAR_SHARE = 0.15, 0.3
-- In so many rows an item shows, where it shows so many times as often as the most frequent of random picks.
local HUB_SHARE, HUB_TIMES = 0.2, 4
-- Rows with near-copies, beyond those that random picks have.
local COPIES_SHARE = 0.02
-- Where two items are more alike than this on average, what they have in common leads the walks.
local COMMON_COSINE = 0.1

-- What to change so that picks follow their start more; how: as for on_picks.
local function toward_the_start(how)
  if how.lambda then
    return ("For pages \"far from here\" or \"like this\" compute them with a greater --lambda than %g"):format(
      how.lambda)
  end
  return "For pages \"far from here\" compute them with --order away, for \"like this\" with --order toward"
end

-- What to change so that picks differ more from one another.
local function apart(how, far)
  if how.lambda then return ("a smaller --lambda than %g"):format(how.lambda) end
  return far and "--order away --lambda 0.5" or "--order toward --lambda 0.7"
end

--- On picks.
-- @tparam table picks figures, as from tally.lua
-- @tparam table random those of random picks
-- @tparam table how they were computed: `centered`; `lambda`, nil where there is none; `all_picked`, whether each row
-- picks all other items
-- @treturn string
function advice.on_picks(picks, random, how)
  if how.all_picked then
    return "Each row picks all other items, so that there is no choice to judge: judge fewer with --picks"
  end
  local far, near = picks.farthest_tenth > CLEAR_SHARE, picks.nearest_tenth > CLEAR_SHARE
  if not far and not near then
    local slightly = math.max(picks.farthest_tenth, picks.nearest_tenth) > CHANCE_SHARE
    return ("%s random ones: %.1f %% are in the farthest tenth (random: %.1f %%), %.1f %% in the nearest (random:"
      .. " %.1f %%). %s"):format(
      slightly and "Most of these picks are little better than" or "These picks are no better than",
      100 * picks.farthest_tenth, 100 * random.farthest_tenth, 100 * picks.nearest_tenth, 100 * random.nearest_tenth,
      toward_the_start(how))
  end
  if picks.most_frequent_share > HUB_SHARE
    and picks.most_frequent_share > HUB_TIMES * random.most_frequent_share then
    return ("Pages would repeat themselves: item %.0f is picked in %.1f %% of all rows. %s"):format(
      picks.most_frequent_item, 100 * picks.most_frequent_share,
      how.centered and "It is far from, or near to, nearly everything: look at it, and leave it out if it is no proper"
        .. " item" or "Compute them with --center")
  end
  if (picks.rows_with_pair_above_0_9 or 0) > (random.rows_with_pair_above_0_9 or 0) + COPIES_SHARE then
    return ("In %.1f %% of the rows two picks are near-copies, more than 0.9 alike: %s keeps them apart, or pages leave"
      .. " out the second of such two"):format(100 * picks.rows_with_pair_above_0_9, apart(how, far))
  end
  if far then
    return "The picks are far from their start, and no near-copies of one another: fit for pages \"far from here\""
  end
  return "The picks are near to their start, and no near-copies of one another: fit for pages \"like this\""
end

--- On embeddings.
-- @tparam number n how many there are
-- @tparam number cosine the mean of those of all pairs of different items
-- @treturn boolean whether centring is advised for walks
-- @treturn string
function advice.on_centring(n, cosine)
  if n == 1 then return false, "There is one embedding, and nothing that it could be compared with" end
  local words = ("two items are %.3f alike on average"):format(cosine):gsub("%-(0%.000)", "%1")
  if cosine > COMMON_COSINE then
    return true, ("Centring is advised for walks (--center): %s, so that walks which are not centred soon go through"
      .. " the same few items"):format(words)
  end
  return false, ("Centring changes little: %s, so that they have little in common that could lead all walks the same"
    .. " way"):format(words)
end

return advice
