// Who looks at each copy from the device before anybody takes it for a result.
#include "operators/accelerator/device_copy.h"

#include "tests/unit/kernels/cuda/device_under_test.h"

namespace slipway::cuda {
namespace {

class CudaCopies : public DeviceTest {};

TEST_F(CudaCopies, ThoseToTheProcessorAreChecked) {
  const OnDevice here;
  const at::Tensor x = at::ones({3, 4}).to(compute_device());
  int copies = 0;
  {
    const CopyCheck check([&] { ++copies; });
    (void)x.clone();
    EXPECT_EQ(copies, 0);
    (void)x.cpu();
    EXPECT_EQ(copies, 1);
    (void)x.t().narrow(0, 1, 2).cpu();  // by way of all that it spans
    EXPECT_EQ(copies, 2);
    (void)x[0][0].item<float>();
    EXPECT_EQ(copies, 3);
  }
  (void)x.cpu();
  EXPECT_EQ(copies, 3);
}

TEST_F(CudaCopies, OneThatIsRefusedComesToNobody) {
  const OnDevice here;
  const at::Tensor x = at::ones({3}).to(compute_device());
  const CopyCheck check([] { throw Error("broken off"); });
  EXPECT_THROW((void)x.cpu(), Error);
  EXPECT_THROW((void)(x + 1), Error) << "by way of the processor";
}

}  // namespace
}  // namespace slipway::cuda
