# Lets Doxygen read include/vulkan_compute.h, which is written to be read as it is: its comments become
# Doxygen's, its headings Markdown's. Lines are kept, so that warnings name the right ones.
1s|^/\*$|/** @file|
s|^/\* ---- .*||
s|^/\* |/** |
s|\([;,{0-9]  *\)/\* |\1/**< |
s|^ \* \(What is computed.*\|Errors\|Threads\|Memory\)$| * ## \1|
s|Errors: |@errors |
