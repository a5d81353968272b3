#include <iostream>

#include "cli/cli.h"
#include "device/client.h"
#include "output/table.h"

namespace vpunas::cli {

void add_devices(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("devices", "devices that can be searched for and measured");
  verb->footer("Example: vpunas devices");
  verb->callback([&action] {
    action = [](const Work&) {
      DeviceClient client(default_runner());
      std::vector<std::vector<std::string>> rows{
          {"MYRIADX", "offline model of the Intel Movidius MyriadX; no stick needed"},
          {macs_device, "no device: millions of multiply-accumulates take the place of ms"}};
      for (const DeviceInfo& device : client.devices())
        rows.push_back({device.name, device.full_name});
      std::cout << text_table({"device", ""}, rows) << '\n' << client.runtime() << '\n';
    };
  });
}

}  // namespace vpunas::cli
