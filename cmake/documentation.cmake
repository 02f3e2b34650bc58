# Manual pages and completions, which the program itself makes from its tables; where they are installed: the standard places, which for
# zsh differ between what a package and what a user installs.
set(documentation ${CMAKE_CURRENT_BINARY_DIR}/documentation)
add_custom_command(OUTPUT ${documentation}/man1/riffle.1 ${documentation}/riffle ${documentation}/_riffle ${documentation}/riffle.fish
  COMMAND riffle man --all ${documentation}/man1
  COMMAND riffle completion bash > ${documentation}/riffle
  COMMAND riffle completion zsh > ${documentation}/_riffle
  COMMAND riffle completion fish > ${documentation}/riffle.fish
  DEPENDS riffle VERBATIM)
add_custom_target(documentation ALL DEPENDS ${documentation}/man1/riffle.1)

install(DIRECTORY ${documentation}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${documentation}/riffle DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  install(FILES ${documentation}/_riffle DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
else()
  install(FILES ${documentation}/_riffle DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
install(FILES ${documentation}/riffle.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
