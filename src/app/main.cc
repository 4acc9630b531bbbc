#include "app/command_line.h"
#include "app/hangup_hold.h"

int main(int argc, char** argv) {
  jindou::app::hold_hangups();
  return jindou::app::run_command_line(argc, argv);
}
