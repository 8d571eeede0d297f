// Looks of the report: style sheets and the read-out script, as text to embed.
#pragma once
#include <string_view>

namespace slipway::report {

extern const std::string_view
    kChartStyle;  // colours, light and dark, and the classes of charts; fit for page and picture
extern const std::string_view kPageStyle;  // the page around them
extern const std::string_view
    kHoverScript;  // shows the values under the pointer; the page is whole without it

}  // namespace slipway::report
