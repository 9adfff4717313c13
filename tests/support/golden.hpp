/// \file tests/support/golden.hpp
/// One golden case: a safetensors file of inputs, parameters and expected values that a reference
/// framework computed in double (format `golden-1`, tests/golden/README.md). Knows the file's own
/// tolerances, tensors stored as samples (#shape #idx #val #norm #proj), and generated tensors.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "io/safetensors.hpp"

namespace calofuse::test {
/// Hash of the format: generated tensors and the signs of #proj come from it.
std::uint64_t golden_hash(std::uint64_t seed, std::uint64_t index);

/// value[i] = offset + scale * (hash / 2^39 - 1), rounded to float once.
std::vector<float> golden_values(std::uint64_t seed,
                                 double scale,
                                 double offset,
                                 std::size_t count);

/// $CALOFUSE_GOLDEN_DIR, else tests/golden/data of the source tree.
std::filesystem::path golden_directory();
/// All *.safetensors there, sorted by name.
std::vector<std::filesystem::path> golden_files();

class GoldenCase {
  public:
    explicit GoldenCase(std::filesystem::path const& path);

    std::string const& name() const { return name_; }  ///< file name without extension
    std::string const& op() const { return file_.metadata.at("op"); }
    std::string const& dialect() const { return file_.metadata.at("dialect"); }
    nlohmann::json const& attrs() const { return attrs_; }

    /// Stored whole, generated, or (expected values) sampled.
    bool has(std::string const& key) const;
    /// Names after `prefix`, e.g. names("param.") = {"bias", "kernel"}; sorted.
    std::vector<std::string> names(std::string const& prefix) const;
    std::vector<std::int64_t> shape(std::string const& key) const;
    /// A tensor as float: stored F32 (exact), generated, or F64 rounded.
    std::vector<float> floats(std::string const& key) const;
    std::vector<double> doubles(std::string const& key) const;
    std::vector<std::int32_t> ints(std::string const& key) const;

    /// The file's absolute tolerance for an expected tensor, for a float32 implementation.
    double tolerance(std::string const& key) const;

    /// Expects |got - want| <= tolerance(key) for all stored values, and the projections of a
    /// sampled tensor within tolerance * sqrt(elements). Failures name the worst element.
    template <class T>
    void compare(std::string const& key, std::vector<T> const& got)
    {
        compare_values(key, {got.begin(), got.end()});
    }
    /// Expects the root mean square difference within the file's `tolerance_rms`, which the
    /// hybrid's parameters after a step have; does nothing if the file has none for this key.
    template <class T>
    void compare_rms(std::string const& key, std::vector<T> const& got) const
    {
        compare_rms_values(key, {got.begin(), got.end()});
    }

    /// Expected tensors that `compare` has not seen: empty at the end of an honest test.
    std::vector<std::string> not_compared() const;
    /// Largest |got - want| / tolerance over all comparisons with a tolerance.
    double worst_fraction() const { return worst_fraction_; }

  private:
    struct Expected {
        std::vector<double> value;
        std::vector<std::int32_t> index;  ///< flat positions; empty = all
        std::size_t elements = 0;
    };
    Expected expected(std::string const& key) const;
    void compare_values(std::string const& key, std::vector<double> const& got);
    void compare_projections(std::string const& key, std::vector<double> const& got) const;
    void compare_rms_values(std::string const& key, std::vector<double> const& got) const;

    std::string name_;
    SafeTensors file_;
    nlohmann::json attrs_, generated_, tolerance_, tolerance_rms_;
    std::set<std::string> compared_;
    double worst_fraction_ = 0;
};
}  // namespace calofuse::test
