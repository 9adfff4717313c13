#include "models/engine/batch.hpp"

namespace calofuse {
ColumnRef const& Batch::at(std::string_view name) const
{
    auto const found = columns.find(name);
    CALOFUSE_CHECK(found != columns.end(), "the feed brings no column " << name);
    return found->second;
}

std::int64_t Batch::capacity_of(std::string_view column) const
{
    auto const found = capacity.find(column.substr(0, column.find('.')));
    CALOFUSE_CHECK(found != capacity.end(), "column " << column << " is of no ragged table");
    return found->second;
}
}  // namespace calofuse
