#!/bin/bash
# relocatable.sh ENV: turns a virtual environment made with --copies into a folder that runs anywhere on its own.
set -eu
env="$1"
version=$("$env/bin/python3" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

rm "$env/pyvenv.cfg"
# The virtual environment has site-packages only; Debian's standard library lives elsewhere.
mv "$env/lib/$version/site-packages" /tmp/site-packages
rm -rf "$env/lib/$version"
cp -rL "/usr/lib/$version" "$env/lib/$version"
rm -rf "$env/lib/$version/test" "$env/lib/$version/ensurepip" "$env/lib/$version"/config-*
mv /tmp/site-packages "$env/lib/$version/site-packages"
# Debian's interpreter looks for packages in dist-packages.
ln -s site-packages "$env/lib/$version/dist-packages"
rm -rf "$env/lib64" "$env/lib/python3"

# The shared libraries that interpreter and extension modules of the standard library need, found through the
# interpreter's own path. glibc's are every node's.
{ ldd "$env/bin/python3"; ldd "$env/lib/$version"/lib-dynload/*.so; } \
    | awk '/=> \// {print $3}' | sort -u \
    | grep -vE '/(libc|libm|libdl|libpthread|librt|libutil|libresolv|libnsl|libcrypt|ld-linux[^/]*)[.-]' \
    | xargs -I{} cp -L {} "$env/lib/"
for python in "$env"/bin/python3*; do
    [ -L "$python" ] || patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$python"
done

mkdir -p "$env/conda-meta" && touch "$env/conda-meta/history"
# Nothing on a cluster installs packages, runs their tests or compiles against them. Each file costs: YARN's
# localizer starts a process for each to set its permissions.
packages="$env/lib/$version/site-packages"
rm -rf "$packages"/pip "$packages"/pip-*.dist-info "$packages/pyspark/examples" "$packages/pyarrow/include" "$env"/bin/pip*
find "$packages" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
rm -rf "$env/lib/$version"/{idlelib,tkinter,turtledemo,lib2to3,pydoc_data}
find "$env" -name __pycache__ -type d -prune -exec rm -rf {} +
