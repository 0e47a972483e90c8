#include "data.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "generators.hpp"

namespace bench {

namespace {

using reference::Embeddings;

constexpr uint64_t kSeed = 20240229;
constexpr float kNoise = 0.1F;  // the norm of the noise over that of the row

// Padded with zeros, and then reflected a few times, so that the numbers are as dense as before.
Embeddings turn(const Embeddings& real, uint32_t d) {
  constexpr int kReflections = 3;
  generators::Random random(kSeed);
  std::vector<std::vector<double>> normals(kReflections, std::vector<double>(d));
  for (std::vector<double>& normal : normals) {
    for (double& x : normal) x = random.uniform();
    const double length =
        std::sqrt(std::inner_product(normal.begin(), normal.end(), normal.begin(), 0.0));
    for (double& x : normal) x /= length;
  }
  Embeddings out{real.n, d, {}};
  out.values.reserve(std::size_t{real.n} * d);
  std::vector<double> row(d);
  for (uint32_t i = 0; i < real.n; ++i) {
    std::fill(std::copy_n(real.row(i), real.d, row.begin()), row.end(), 0.0);
    for (const std::vector<double>& normal : normals) {
      const double twice = 2 * std::inner_product(row.begin(), row.end(), normal.begin(), 0.0);
      for (uint32_t k = 0; k < d; ++k) row[k] -= twice * normal[k];
    }
    for (const double x : row) out.values.push_back(static_cast<float>(x));
  }
  return out;
}

Embeddings project(const Embeddings& real, uint32_t d) {
  generators::Random random(kSeed);
  std::vector<float> signs(std::size_t{real.d} * d);
  const float scale = 1.0F / std::sqrt(static_cast<float>(d));
  for (float& sign : signs) sign = random.below(2) == 0 ? -scale : scale;
  Embeddings out{real.n, d, std::vector<float>(std::size_t{real.n} * d, 0.0F)};
  for (uint32_t i = 0; i < real.n; ++i) {
    for (uint32_t k = 0; k < real.d; ++k) {
      const float x = real.row(i)[k];
      const float* row = signs.data() + std::size_t{k} * d;
      for (uint32_t c = 0; c < d; ++c) out.row(i)[c] += x * row[c];
    }
  }
  return out;
}

float norm(const float* row, uint32_t d) {
  double sum = 0;
  for (uint32_t k = 0; k < d; ++k) sum += double{row[k]} * row[k];
  return static_cast<float>(std::sqrt(sum));
}

void append_mixes(Embeddings& rows, uint32_t n) {
  generators::Random random(kSeed + 1);
  const uint32_t real = rows.n;
  const uint32_t d = rows.d;
  rows.values.resize(std::size_t{n} * d);
  rows.n = n;
  const float noise = kNoise * std::sqrt(3.0F / static_cast<float>(d));  // uniform: variance 1/3
  for (uint32_t i = real; i < n; ++i) {
    const float* a = rows.row(random.below(real));
    const float* b = rows.row(random.below(real));
    const float share = std::abs(random.uniform());
    const float wanted = share * norm(a, d) + (1 - share) * norm(b, d);
    float* row = rows.row(i);
    for (uint32_t k = 0; k < d; ++k) {
      row[k] = share * a[k] + (1 - share) * b[k] + wanted * noise * random.uniform();
    }
    const float mixed = norm(row, d);
    for (uint32_t k = 0; k < d && mixed > 0; ++k) row[k] *= wanted / mixed;
  }
}

}  // namespace

Data real_like(const Embeddings& real, const std::string& name, uint32_t n, uint32_t d) {
  if (n == 0) n = real.n;
  if (d == 0) d = real.d;
  Data data;
  data.embeddings = real;
  data.description = name + " (" + std::to_string(real.n) + " x " + std::to_string(real.d) + ")";
  const bool is_real = n <= real.n && d >= real.d;
  data.description += is_real ? ", real" : ", real-like";
  if (n < real.n) {
    data.embeddings.n = n;
    data.embeddings.values.resize(std::size_t{n} * real.d);
    data.description += ": the first " + std::to_string(n) + " rows";
  }
  if (d > real.d) {
    data.embeddings = turn(data.embeddings, d);
    data.description += ": turned into " + std::to_string(d) + " dimensions, cosines are kept";
  }
  if (d < real.d) {
    data.embeddings = project(data.embeddings, d);
    data.description += ": projected to " + std::to_string(d) + " dimensions by random signs";
  }
  if (n > real.n) {
    append_mixes(data.embeddings, n);
    data.description +=
        ": and " + std::to_string(n - real.n) + " mixes of two of them with a little noise";
  }
  return data;
}

void write_npy(const std::string& path, const Embeddings& embeddings) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(embeddings.n) + ", " + std::to_string(embeddings.d) + "), }";
  constexpr std::size_t kPreamble = 10;
  constexpr std::size_t kAlignment = 64;
  while ((kPreamble + header.size() + 1) % kAlignment != 0) header += ' ';
  header += '\n';
  std::string preamble("\x93NUMPY\x01\x00", 8);
  preamble += static_cast<char>(header.size() & 0xFF);
  preamble += static_cast<char>(header.size() >> 8);
  std::ofstream file(path, std::ios::binary);
  file << preamble << header;
  file.write(reinterpret_cast<const char*>(embeddings.values.data()),
             static_cast<std::streamsize>(embeddings.values.size() * sizeof(float)));
  file.close();
  if (!file) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace bench
