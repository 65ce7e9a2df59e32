export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * Each script asks `clawcage complete -- WORDS…` at the press of the Tab key, which prints a candidate on each line, its description behind
 * a tab; `:files` on the first line leaves the word to the shell's own completion of file names.
 */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_clawcage() {
  local current lines line IFS=$'\\n'
  current=\${COMP_WORDS[COMP_CWORD]}
  lines=($("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  COMPREPLY=()
  if [[ \${lines[0]} == :files ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  for line in "\${lines[@]}"; do
    line=\${line%%$'\\t'*}
    [[ $line == "$current"* ]] && COMPREPLY+=("$line")
  done
}
complete -F _clawcage clawcage
`,
  zsh: `#compdef clawcage
_clawcage() {
  local -a lines candidates
  local line
  lines=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${lines[1]} == :files ]]; then
    _files
    return
  fi
  for line in $lines; do
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe clawcage candidates
}
if [[ \${funcstack[1]} == _clawcage ]]; then _clawcage "$@"; else compdef _clawcage clawcage; fi
`,
  fish: `function __clawcage_complete
  set -l before (commandline -opc) (commandline -ct)
  set -l lines ($before[1] complete -- $before[2..-1] 2>/dev/null)
  if test "$lines[1]" = :files
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $lines
  end
end
complete -c clawcage -f -a '(__clawcage_complete)'
`,
};
