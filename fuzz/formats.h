// Checksums and lengths of file formats, put right in inputs that were changed at random: without them a change would
// get no further than the door.
#pragma once

#include <string>

namespace riffle {

/// The length in front of the header, where it ends with the last brace.
void RepairSafetensors(std::string& file);
/// No checksums in the directory of a zip: 0 stands for none.
void RepairZip(std::string& file);
/// The checksum of each header of a tar file.
void RepairTar(std::string& file);
/// The checksum of each chunk of a PNG file.
void RepairPng(std::string& file);

}  // namespace riffle
