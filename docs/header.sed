# Lets Doxygen read the headers in include, which are written to be read as they are: their comments become
# Doxygen's, its headings Markdown's. Lines are kept, so that warnings name the right ones.
1s|^/\*$|/** @file|
s|^/\* ---- .*||
s|^/\* .*clang-format .*||
s|^/\* |/** |
s|\([;,{0-9]  *\)/\* |\1/**< |
s|^ \* \(What is computed.*\|Errors\|Structs\|Threads\|Processes\|Memory\)$| * ## \1|
s|Errors: |@errors |
