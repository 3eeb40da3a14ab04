#!/usr/bin/env bash
# Your own documents, asked in Oromo by way of a dictionary, from the command line. No torch, no network.
#
#     bash examples/own_documents.sh [FOLDER]    # where to write; a temporary folder by default
set -euo pipefail
cd "${1:-$(mktemp -d)}"

# id <tab> title <tab> text, one document a line.
printf '%s\t%s\t%s\n' \
  open  'Opening a file'  'Choose File - Open and pick the file that you want to see.' \
  print 'Printing a page' 'Choose File - Print. The printer prints one page or all pages.' \
  table 'Tables'          'Insert a table, then type into its cells.' > documents.tsv
kivuko engine create help --documents documents.tsv --kind lexical

# English <tab> Oromo. `kivuko lexicon import public --language om` would bring every public dictionary instead.
printf '%s\t%s\n' file faayilii  open banuu  page fuula  print maxxansuu  table gabatee > words.tsv
kivuko lexicon import words.tsv --format tsv --language om --output lexicon
kivuko engine add-language help om --lexicon lexicon

kivuko search help "faayilii banuu"                        # the language is guessed, and said
kivuko search help "fuula maxxansuu" --language om --explain
kivuko search help "insert a table" --language en          # English always works

# Documents come and go; the language stays.
printf '%s\t%s\t%s\n' save 'Saving a file' 'Choose File - Save.' > more.tsv
kivuko engine add help more.tsv
kivuko engine delete help table
kivuko engine info help
kivuko search help "faayilii" --language om --json
