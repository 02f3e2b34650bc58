// Files of options: what is read is written and read again as the same.
#include "fuzz/target.h"
#include "settings/accepted_options.h"
#include "settings/idle_options.h"
#include "settings/option_rules.h"
#include "settings/option_table.h"
#include "settings/run_notes.h"
#include "settings/settings.h"

namespace riffle {
namespace {

void Check(std::string_view input) {
  Settings settings;
  if (!IsFine(ReadOptionsYaml(std::string(input), "o.yaml", settings), input)) return;
  for (std::string note : NotesOn(settings)) (void)IsFine(Status(ErrorCode::kIo, std::move(note)), input);
  (void)AcceptedNote(settings);
  (void)IdleNote(settings, {});
  if (IsFine(CheckTogether(settings.options), input)) (void)IsFine(ModelFromOptions(settings.options, 10), input);
  Settings again;
  const Status read = ReadOptionsYaml(ToYaml(settings.options), "o.yaml", again);
  Require(read.ok(), "what is written is read: " + read.message());
  Require(again.options == settings.options, "options are the same");
}

std::vector<std::string> Seeds() {
  return {ToYaml(Options()),
          "# a comment\n---\nlr: 0.1  # high\nopt: 'momentum'\n",
          "\xef\xbb\xbfmean: [1, 2, 3]\r\n",
          "scale: [0.08,\n  1.0]\nbetas: None\n",
          "data_dir: ~/pictures\nval_while_train: yes\n",
          "lr: &a 0.1\nmin_lr: *a\n",
          "mode: 0\nnum_samples: null\ndata_dir: \"a\\tb\"\n",
          "%YAML 1.2\n--- {lr: 0.5, opt: sgd}\n...\n"};
}

std::vector<std::string> Words() {
  std::vector<std::string> words = {": ",  "\n",   "None", "true", "~",      "[",  "]",  "- ",   "\"",  "'",
                                    "|\n", ">-\n", "&a ",  "*a",   "!!str ", "? ", "# ", "<<: ", "1e-6"};
  for (const OptionRow& row : OptionTable()) words.push_back(fmt::format("{}: ", row.name));
  return words;
}

}  // namespace

FuzzTarget OptionsYamlTarget() {
  return {.name = "options_yaml",
          .reads = "a file of options",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .max_bytes = 8192};
}

}  // namespace riffle
