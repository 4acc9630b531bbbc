# Completion of jindou for bash. Words and options come from `--help` of the program itself, so that
# what is offered is what it takes.

_jindou() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local program=${COMP_WORDS[0]} help word words=() i
  # The words before this one that are commands, each asked of the one before it.
  help=$("$program" --help 2>/dev/null) || return 0
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      [a-z]*) ;;
      *) continue ;;
    esac
    # Behind help stand the commands that it tells of.
    if [ "$word" = help ] && [[ $current != -* ]]; then continue; fi
    if _jindou_commands "$help" | grep -qxF -- "$word"; then
      words+=("$word")
      help=$("$program" "${words[@]}" --help 2>/dev/null) || return 0
    fi
  done

  COMPREPLY=()
  local values
  case $previous in
    --*)
      # The values of an option are in braces; another one takes a file or any text.
      values=$(printf '%s\n' "$help" | sed -nE "s/^  (-[a-z],)?$previous [^ ]*:\{([^}]*)\}.*/\2/p")
      if [ -n "$values" ]; then
        mapfile -t COMPREPLY < <(compgen -W "${values//,/ }" -- "$current")
        return 0
      fi
      if printf '%s\n' "$help" | grep -qE -- "^  (-[a-z],)?$previous [A-Z]"; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return 0
      fi
      ;;
  esac
  case $current in
    -*) mapfile -t COMPREPLY < <(compgen -W "$(_jindou_options "$help")" -- "$current") ;;
    *)
      mapfile -t COMPREPLY < <(compgen -W "$(_jindou_commands "$help")" -- "$current")
      [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
      ;;
  esac
}

_jindou_commands() {
  # Up to the empty line: behind it are examples.
  printf '%s\n' "$1" | sed -nE '/^Subcommands:/,/^$/ s/^  ([a-z][a-z-]*) .*/\1/p'
}

_jindou_options() {
  printf '%s\n' "$1" | sed -nE 's/^  (-[a-z],)?(--[a-z-]+).*/\2/p'
}

complete -o filenames -F _jindou jindou
