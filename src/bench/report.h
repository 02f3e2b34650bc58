// Measurements as text for people and as JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/device.h"
#include "bench/kernels.h"
#include "bench/measure.h"
#include "bench/profile.h"

namespace riffle {

/// What was measured, and on what.
struct BenchSetting {
  std::string mode;  ///< "infer", "train"
  int threads = 1;
  ModelDescription model;
  int64_t batch_size = 1;
  std::string maps = "float32";          ///< what they hold
  bool card = false;                     ///< a graphics card computes
  const Device* device = nullptr;        ///< the card; null: there is none
  std::vector<StepKernel> kernels = {};  ///< of "ops": a profile's steps, in its order
};

/// What the machine can do.
struct Roofs {
  struct Peak {
    std::string target;
    double one_thread_gflops = 0;
    double gflops = 0;  ///< on all threads
  };
  struct Bandwidth {
    int64_t bytes_per_thread = 0;
    double gbps = 0;
  };
  int threads = 1;
  std::vector<Peak> peaks;  ///< the widest vectors first
  double peak_gflops = 0;   ///< of the target in use
  std::vector<Bandwidth> bandwidths;
  std::vector<std::string> gpus;  ///< a line each: which there are, or why there is none
  double copy_gbps = 0;           ///< of the card that was asked for; 0: none was
};

std::string TextOf(const BenchSetting& setting, const Measurement& measurement);
nlohmann::ordered_json JsonOf(const BenchSetting& setting, const Measurement& measurement);

/// Of the kernels alone.
std::string PlanText(const BenchSetting& setting);
nlohmann::ordered_json PlanJson(const BenchSetting& setting);

std::string TextOf(const BenchSetting& setting, const Profile& profile);
nlohmann::ordered_json JsonOf(const BenchSetting& setting, const Profile& profile);

std::string TextOf(const Roofs& roofs);
nlohmann::ordered_json JsonOf(const Roofs& roofs);

}  // namespace riffle
