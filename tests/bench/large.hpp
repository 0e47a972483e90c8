// What goes without the similarity matrix, of any number of embeddings.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "data.hpp"
#include "options.hpp"
#include "report.hpp"
#include "warm_up.hpp"

namespace bench {

// Walks, neighbours of some items, and the items nearest to queries, which are the last rows of
// `rows`: options.queries. warm_up: nullptr on a CPU. torch: what torch_large.py wrote.
std::vector<Figure> measure_large(const Options& options, const reference::Embeddings& rows,
                                  bool center, WarmUp* warm_up, const nlohmann::json& torch);

// The embeddings among those rows.
reference::Embeddings large_items(const Options& options, const reference::Embeddings& rows);

}  // namespace bench
