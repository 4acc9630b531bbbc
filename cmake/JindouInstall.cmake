# install(): the program, its man page, completion of shells, and what a service needs: a
# configuration and a unit of systemd. `cmake --install build/release --prefix /usr` installs all of
# it; the paths in the unit are those of the prefix that is given then. debian/rules packages it.
include(GNUInstallDirs)

set(JINDOU_UNITDIR "lib/systemd/system" CACHE STRING
    "Where units of systemd are installed, below the prefix or absolute")

install(TARGETS jindou RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
install(FILES docs/jindou.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT program)
install(FILES deploy/completion/jindou.bash
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
        RENAME jindou COMPONENT program)
install(FILES deploy/completion/_jindou DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT program)
install(FILES deploy/prometheus/jindou.rules.yml
        DESTINATION "${CMAKE_INSTALL_DATADIR}/jindou/prometheus" COMPONENT program)
install(DIRECTORY deploy/grafana DESTINATION "${CMAKE_INSTALL_DATADIR}/jindou"
        COMPONENT program FILES_MATCHING PATTERN "*.json")

# The prefix is known when it is installed. Programs of the distribution (/usr) have their
# configuration in /etc, others below their prefix. A configuration that is there stays.
install(CODE "
  set(BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
  set(SYSCONFDIR \"\${CMAKE_INSTALL_PREFIX}/etc\")
  if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    set(SYSCONFDIR \"/etc\")
  endif()
  configure_file(\"${PROJECT_SOURCE_DIR}/deploy/systemd/jindou.service.in\"
                 \"${PROJECT_BINARY_DIR}/jindou.service\" @ONLY)
  set(configuration \"\$ENV{DESTDIR}\${SYSCONFDIR}/jindou/jindou.yaml\")
  if(EXISTS \"\${configuration}\")
    message(STATUS \"Left as it is: \${configuration}\")
  else()
    file(INSTALL \"${PROJECT_SOURCE_DIR}/deploy/config/jindou.yaml\"
         DESTINATION \"\${SYSCONFDIR}/jindou\")
  endif()" COMPONENT service)
install(FILES "${PROJECT_BINARY_DIR}/jindou.service" DESTINATION "${JINDOU_UNITDIR}"
        COMPONENT service)
