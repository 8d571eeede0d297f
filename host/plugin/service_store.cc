// slipway.host.store/1: a plugin's journals.
#include "base/error.h"
#include "plugin/service_tables.h"

namespace slipway {
namespace {

slw_status append(const slw_host* host, const char* journal, slw_str record,
                  slw_error* error) noexcept {
  if (journal == nullptr || (record.data == nullptr && record.size != 0))
    return refuse(error, SLW_INVALID_ARGUMENT, "append() needs a journal and a record");
  return answer(error, [&] {
    try {
      services_of(host).journals().append(journal, view(record));
    } catch (const BadJournalArgument& e) {
      return refuse(error, SLW_INVALID_ARGUMENT, e.what());
    } catch (const Error& e) {
      return refuse(error, SLW_UNAVAILABLE, e.what());
    }
    return slw_status{SLW_OK};
  });
}

slw_status replay(const slw_host* host, const char* journal, void* ctx,
                  slw_status (*each)(void* ctx, slw_str record), slw_error* error) noexcept {
  if (journal == nullptr || each == nullptr)
    return refuse(error, SLW_INVALID_ARGUMENT, "replay() needs a journal and a function");
  return answer(error, [&] {
    std::vector<std::string> records;
    try {
      records = services_of(host).journals().read(journal);
    } catch (const BadJournalArgument& e) {
      return refuse(error, SLW_INVALID_ARGUMENT, e.what());
    } catch (const Error& e) {
      return refuse(error, SLW_DATA_LOSS, e.what());
    }
    for (size_t r = 0; r < records.size(); ++r)
      if (const slw_status status = each(ctx, {records[r].data(), records[r].size()});
          status != SLW_OK)
        return refuse(error, status,
                      fmt::format("replay of \"{}\" was stopped at record {}", journal, r));
    return slw_status{SLW_OK};
  });
}

}  // namespace

const slw_host_store kStoreService = {sizeof(slw_host_store), append, replay};

}  // namespace slipway
