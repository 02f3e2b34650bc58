#include "dist/mpi/module.h"

#include "dist/mpi/mpi_transport.h"

extern "C" __attribute__((visibility("default"))) void RiffleOpenMpiTransport(
    const riffle::TransportOptions& options, riffle::Result<std::unique_ptr<riffle::Transport>>* transport) {
  *transport = riffle::MpiTransport::Open(options);
}
